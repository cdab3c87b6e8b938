# One run of the collector.
modules > /out/modules.before
collect evidence.ndjson
modules > /out/modules.after
