# Prints what fish offers behind $WORDS, with the completions in $FILE.
complete --erase --command nss-bypass
source $FILE
complete --do-complete $WORDS
