# Knock-outs by the hundred: it stands in front of a list of `knock` lines, and behind R=release.

base=" $(cut -d' ' -f1 /proc/modules | tr '\n' ' ')"

settle() { # unloads all that came since the start, until nothing goes any more
	tries=0
	while [ $tries -lt 12 ]; do
		idle=
		while read -r module size users rest; do
			case "$users $rest $base" in
			[!0]* | *'[permanent]'* | *" $module "*) ;;
			*) idle="$idle $module" ;;
			esac
		done < /proc/modules
		[ -n "$idle" ] || return 0
		rmmod $idle 2> /dev/null || usleep 50000
		tries=$((tries + 1))
	done
}

knock() { # NAME SELECT MODULE:FILE...: the evidence of a run while these modules' files are away
	name=$1 select=$2
	shift 2
	settle
	for each; do
		if [ -e "/sys/module/${each%%:*}/initstate" ]; then
			echo "$name ${each%%:*}" >> /out/skipped
			return
		fi
	done
	for each; do mv "/lib/modules/$R/${each#*:}" "/run/${each%%:*}"; done
	kprobe-collect --deadline=60000 --unload=all --intrusive --output "/out/$name.ndjson" --select "$select" > /dev/null 2>> /out/errors
	for each; do mv "/run/${each%%:*}" "/lib/modules/$R/${each#*:}"; done
}
