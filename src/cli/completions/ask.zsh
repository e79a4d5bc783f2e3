# Prints what zsh offers behind $WORDS, with the completions in $DIRECTORY. What is offered is caught where the completion
# system hands it to the shell, in a shell of its own with a terminal.
zmodload zsh/zpty
zpty asked zsh -f
zpty -w asked "PROMPT=''; unsetopt prompt_cr; fpath=(\$DIRECTORY \$fpath); autoload -Uz compinit; compinit -u -d \$DIRECTORY/dump"
zpty -w asked 'compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
    local -a hits; builtin compadd -O hits "$@"; (( $#hits )) && print -rl -- OFFERED:$^hits >>$DIRECTORY/offered
    builtin compadd "$@"
}'
zpty -w asked 'print -r -- >$DIRECTORY/ready'
while [[ ! -e $DIRECTORY/ready ]]; do sleep 0.05; done
zpty -n -w asked "$WORDS"$'\t'
for round in {1..100}; do
    sleep 0.05
    if [[ -s $DIRECTORY/offered ]]; then sleep 0.1; break; fi
done
sed -n 's/^OFFERED://p' $DIRECTORY/offered 2>/dev/null
zpty -d asked
