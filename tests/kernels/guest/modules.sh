# Nothing is requested with --no-autoload; everything goes again with --unload=all.
cat > /run/modprobe << 'END'
#!/bin/sh
echo "$@" >> /run/requests
exec /sbin/modprobe "$@"
END
chmod +x /run/modprobe
echo /run/modprobe > /proc/sys/kernel/modprobe

: > /run/requests
mkdev link nosuchkind nosuchlink 2> /dev/null
cp /run/requests /out/requests.control

: > /run/requests
cat /proc/modules > /out/modules.before
collect no-autoload.ndjson --no-autoload
cat /proc/modules > /out/modules.no-autoload
cp /run/requests /out/requests.no-autoload

: > /run/requests
links > /out/links.before
traces > /out/traces.pristine
collect unload-all.ndjson --unload=all
settled traces.unloaded traces.pristine
cat /proc/modules > /out/modules.unload-all
cp /run/requests /out/requests.unload-all
links > /out/links.unload-all

# What could hold up the host is not tried, what stands beside it is.
cat /proc/modules > /out/modules.no-risk
collect risk.ndjson --select 'ipvs.sched.lblc ipvs.sched.rr'
cat /proc/modules > /out/modules.risk

# A module that starts, and does not end starting, as the kernel would have it; then one that starts when it was asked for.
cat > /run/modprobe << 'END'
#!/bin/sh
echo "$@" >> /run/requests
case $* in
*ipip*) grep -q 'ipip .* Loading' /run/modules && exit 1 ;;
esac
exec /sbin/modprobe "$@"
END
rmmod ipip 2> /dev/null
{
	cat /proc/modules
	echo 'ipip 16384 0 - Loading 0x0'
} > /run/modules
mount -o bind /run/modules /proc/modules
: > /run/requests
collect starting.ndjson --deadline 3000 --select link.ipip
cp /run/requests /out/requests.starting

: > /run/requests
{
	until grep -q ipip /run/requests; do usleep 20000; done
	usleep 300000
	# Not even "Live": busybox's modprobe believes it, too.
	sed '/^ipip /d' /run/modules > /run/started
	cat /run/started > /run/modules
} &
collect started.ndjson --deadline 60000 --select link.ipip
cp /run/requests /out/requests.started
umount /proc/modules
