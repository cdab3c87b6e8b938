# One run of the collector; what the kernel says to it, raw, so that levels show; and a warning that it says to something else.
cat /proc/modules > /out/modules.before
dmesg -r > /out/log.before
cat /proc/sys/kernel/tainted > /out/tainted.before
collect evidence.ndjson
cat /proc/modules > /out/modules.after
dmesg -r > /out/log.after
cat /proc/sys/kernel/tainted > /out/tainted.after
echo 0 > /proc/self/oom_adj # deprecated, and the kernel warns of it
dmesg -r > /out/log.loud
