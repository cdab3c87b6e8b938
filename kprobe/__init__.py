# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What this node's kernel can really do for container networking: collected as evidence, then judged, then rendered."""
