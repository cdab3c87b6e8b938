# Another process makes links, a table and a set in the host's namespace during a run: they survive it. Then runs are killed.
: > /out/lodger.ndjson
collector --unload=safe --output /out/lodger.ndjson > /out/collector.log 2>&1 &
run=$!
# The answer to the tunnel rows is the moment at which the run has loaded the modules, and could still unload them. The run
# is stopped there, so that the rest of it really comes after what is made.
until grep -q '"id": *"link\.wireguard"' /out/lodger.ndjson || ! kill -0 $run 2> /dev/null; do usleep 10000; done
kill -STOP $run 2> /dev/null && echo running > /out/state.before
for kind in vxlan wireguard dummy ifb bridge veth; do
	mkdev link $kind lodg-$kind && echo "link $kind" >> /out/made
done
mkdev table lodger && echo "table" >> /out/made
mkdev set lodger && echo "set" >> /out/made
links | grep ^lodg- > /out/links.before
grep -q '"type": *"end"' /out/lodger.ndjson || echo running > /out/state.after
kill -CONT $run
wait $run
echo $? > /out/lodger.ndjson.rc
sleep 0.5
links | grep ^lodg- > /out/links.after
mkdev has-table lodger && echo "table" >> /out/kept
mkdev has-set lodger && echo "set" >> /out/kept

# From here on all modules stay, and so does what the kernel makes when they load: what is compared is what runs leave.
answers() { grep -c '"type": *"probe"' "$1"; }
collect whole.ndjson --unload=none
total=$(answers /out/whole.ndjson)
traces > /out/traces.before
amounts > /out/amounts.before
dmesg -r > /out/log.before
collect again.ndjson --unload=none
settled traces.again traces.before
for part in 0 1 3 5 7 9 11 12; do
	: > /run/killed.ndjson
	collector --unload=none --output /run/killed.ndjson > /dev/null 2>&1 &
	run=$!
	until [ "$(answers /run/killed.ndjson)" -ge $((total * part / 14)) ] || ! kill -0 $run 2> /dev/null; do :; done
	kill -9 $run
	wait $run
	grep -q '"type": *"end"' /run/killed.ndjson || echo "$part" >> /out/killed
done
rm -f /run/killed.ndjson
# What a killed run had made in the cgroup hierarchy has no owner that could take it along: a later run sweeps it.
collect after.ndjson --unload=none --select 'attach.cgroup.*'
waited=0
while grep -q 'kprobe-collec[t]' /proc/[0-9]*/cmdline 2> /dev/null && [ $waited -lt 50 ]; do
	waited=$((waited + 1))
	usleep 100000
done
settled traces.after traces.before
amounts > /out/amounts.after
dmesg -r > /out/log.after
