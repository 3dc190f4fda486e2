#!/bin/sh
# install_pages.sh KITHARA FOLDER [completions] PAGE...  -- writes manual pages, compressed, and completions below FOLDER
# (share of a prefix). The page "kithara" brings those of all commands along.
set -eu
kithara=$1 share=$2
shift 2
for word in "$@"; do
    if [ "$word" = completions ]; then
        mkdir -p "$share/bash-completion/completions" "$share/zsh/vendor-completions" "$share/fish/vendor_completions.d"
        "$kithara" docs completion bash >"$share/bash-completion/completions/kithara"
        "$kithara" docs completion zsh >"$share/zsh/vendor-completions/_kithara"
        "$kithara" docs completion fish >"$share/fish/vendor_completions.d/kithara.fish"
        continue
    fi
    for page in $("$kithara" docs man); do
        name=${page%.*} section=${page##*.}
        case $word:$name in
        "$name:$name") ;;
        kithara:kithara-coordinator | kithara:kithara-node | kithara:kithara-decode) continue ;;
        kithara:kithara-*) ;;
        *) continue ;;
        esac
        mkdir -p "$share/man/man$section"
        "$kithara" docs man "$name" | gzip -9n >"$share/man/man$section/$page.gz"
    done
done
