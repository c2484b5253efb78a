# Ends what its owner has started, when the owner is no more: it reads from a pipe that only the owner holds.
# "+ GROUP": a process group to be ended; "- GROUP": it has ended; "d DIRECTORY": to be removed.
groups=' '
directories=
newline='
'
while read -r what value; do
    case $what in
    +) groups="$groups$value " ;;
    -) case $groups in *" $value "*) groups="${groups%% "$value" *} ${groups#* "$value" }" ;; esac ;;
    d) directories="$directories$value$newline" ;;
    esac
done
for group in $groups; do
    kill -s KILL -- "-$group" 2>/dev/null
done
printf '%s' "$directories" | while read -r directory; do
    rm -rf -- "$directory"
done
