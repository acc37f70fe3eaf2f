# SPDX-License-Identifier: MIT
# Completion of moonport's command line for bash. Options and commands come from --help, programs from `moonport ctl`.

# The words that `moonport ctl` may ask: processes and, as far as this user may see them, services.
_moonport_programs() {
  local socket
  "$1" ctl </dev/null 2>/dev/null | cut -f 1
  for socket in /run/moonport/*/control; do
    [ ! -S "$socket" ] || basename "${socket%/control}"
  done
}

# Whether a word is a command of `moonport ctl`.
_moonport_is_command() {
  "$1" ctl --help | grep -q "^  $2 "
}

_moonport_ctl() {
  local program=$1 current=$2 previous=$3 word command='' which='' words='' i
  for ((i = 2; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
      --sort | --server | --timeout | --worker | --folded | --count) ((i++)) ;;
      -*) ;;
      *)
        if [ -z "$command" ] && [[ $word =~ ^[a-z]+$ ]] && _moonport_is_command "$program" "$word"; then
          command=$word
        elif [ -z "$command" ]; then
          which=$word
        fi
        ;;
    esac
  done
  case $previous in
    --sort) words='id age idle unread unsent read sent' ;;
    --server | --timeout | --worker | --count) return ;;
    --folded)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return
      ;;
    log) words='debug info warning error none' ;;
    close | trace) words=$("$program" ctl ${which:+"$which"} connections </dev/null 2>/dev/null | cut -f 1) ;;
    *)
      if [[ $current == -* ]]; then
        words='--json --worker --help'
        case $command in
          connections) words+=' --sort --server' ;;
          console) words='--timeout --worker --help' ;;
          top) words='--count --worker --help' ;;
          profile) words+=' --folded' ;;
        esac
      elif [ -z "$command" ]; then
        words=$("$program" ctl --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p')
        [ -n "$which" ] || words+=" $(_moonport_programs "$program")"
      fi
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

_moonport() {
  local program=$1 current=$2 previous=$3 words='' i
  COMPREPLY=()
  if [ "$COMP_CWORD" -gt 1 ]; then
    case ${COMP_WORDS[1]} in
      ctl)
        _moonport_ctl "$@"
        return
        ;;
      new)
        [[ $current != -* ]] || mapfile -t COMPREPLY < <(compgen -W '--tls' -- "$current")
        return
        ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
      [[ ${COMP_WORDS[i]} != *.lua ]] || return # what follows belongs to the script: bash completes files
    done
  fi
  case $previous in
    --log-level) words='debug info warning error none' ;;
    --log-format) words='text json' ;;
    --workers) words=auto ;;
    --control) words=off ;;&
    --control | --keylog | --store-file)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current"; compgen -f -- "$current")
      return
      ;;
    -e | --*-timeout | --handler-kill | --rollback-errors | --grace | --work-* | --metrics | --*max-memory | --max-buffers | --store) return ;;
    *)
      if [[ $current == -* ]]; then
        words=$("$program" --help | sed 's/^  \(--[a-z-]*\)\( [A-Z]*\)\{0,1\}, /  \1 \n  /' | sed -n 's/^  \(--*[a-z][a-z-]*\) .*/\1/p')
      else
        compopt -o filenames 2>/dev/null
        [ "$COMP_CWORD" -ne 1 ] || words='ctl new'
        mapfile -t COMPREPLY < <(
          compgen -W "$words" -- "$current"
          compgen -f -X '!*.lua' -- "$current"
          compgen -d -- "$current"
        )
        return
      fi
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -o default -F _moonport moonport
