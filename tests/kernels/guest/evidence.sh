# One run of the collector.
cat /proc/modules > /out/modules.before
collect evidence.ndjson
cat /proc/modules > /out/modules.after
