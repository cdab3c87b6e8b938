#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
# Installs the Debian packages listed in the given files, one a line, where any is missing. Elsewhere than on Debian: says which.
set -eu
command -v dpkg-query >/dev/null || { echo "not a Debian system: see that what $* name is installed" >&2; exit 0; }
missing=
for package in $(cat "$@" | sed 's/#.*//'); do
	# A Python or compiler of another origin does as well as Debian's.
	case $package in
	gcc) command -v cc >/dev/null && continue ;;
	python3-dev) python3 -c 'import os, sysconfig, sys; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' 2>/dev/null && continue ;;
	python3-venv) python3 -c 'import ensurepip, venv' 2>/dev/null && continue ;;
	esac
	[ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" = "install ok installed" ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null
