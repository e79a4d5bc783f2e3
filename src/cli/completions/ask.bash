# Prints what bash offers behind $WORDS, with the completions in $FILE.
source "$FILE"
read -ra COMP_WORDS <<<"$WORDS"
if [[ $WORDS == *' ' ]]; then COMP_WORDS+=(''); fi
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_LINE=$WORDS COMP_POINT=${#WORDS}
offer=$(complete -p nss-bypass | sed -E 's/.* -F ([^ ]+) .*/\1/')
"$offer" nss-bypass "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
