# Removes one lab when its owner says so, or when its owner is gone in whatever way.
# Usage: sh guard.sh DIRECTORY NAMESPACE...   Standard input: a pipe whose other end only the owner holds.
trap '' HUP INT QUIT TERM
directory=$1
shift

remove() {
    round=0
    while [ "$round" -lt 200 ]; do
        pids=
        for namespace; do pids="$pids $(ip netns pids "$namespace" 2>/dev/null | tr '\n' ' ')"; done
        case $pids in *[0-9]*) ;; *) break ;; esac
        # shellcheck disable=SC2086
        kill -KILL $pids 2>/dev/null
        round=$((round + 1))
        sleep 0.01
    done
    for namespace; do
        if [ -e "/run/netns/$namespace" ]; then ip netns del "$namespace" 2>/dev/null; fi
    done
}

if read -r _; then
    remove "$@"
else
    # The owner was killed: a command that it had just started may still make one of the namespaces.
    remove "$@"
    sleep 0.2
    remove "$@"
fi
rm -rf -- "$directory" 2>/dev/null
for namespace; do [ ! -e "/run/netns/$namespace" ] || exit 1; done
[ ! -e "$directory" ]
