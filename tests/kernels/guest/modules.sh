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
