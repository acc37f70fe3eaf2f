# shellcheck shell=bash disable=SC2154  # root, work, exclude and terminal are set in dev and spec/rings.sh
# How long spec files take. spec/rings.sh starts the longest first, so that no core waits for the last one,
# and shows the time left on a terminal. Times come from the last run in this checkout, else from
# ring_seconds.

# How long a file of a ring takes that hasn't run here yet, on one core.
declare -A ring_seconds=(
  [unit]=1 [api]=2 [host]=5 [scripts]=5 [qt]=3 [regress]=1 [install]=40 [browser]=15 [gc]=8
  [program]=2 [valgrind]=15 [sweep]=40
)

# plan RING FILE…: adds them to the plan, the longest first. A line of the plan is ring, file, milliseconds,
# specs, files that run at once.
plan() {
  local ring=$1
  shift
  printf '%s\n' "$@" | awk -v ring="$ring" -v usual="${ring_seconds[$ring]}" -v slots="$(slots "$ring")" \
    -v slow="$(slow_files "$@")" -v times="$root/build/test-times" '
    BEGIN {
      for (n = split(slow, words, "\n"); n > 0; n--) ms[words[n]] = 35000 # Qt waits 30 s where nobody answers
      while ((getline line <times) > 0) {
        split(line, words, " ")
        if (words[1] == ring) { ms[words[2]] = words[3]; specs[words[2]] = words[4] }
      }
    }
    { print ring, $0, ($0 in ms) ? ms[$0] : usual * 1000, specs[$0] + 0, slots }' |
    sort -k 3,3nr >>"$work/plan"
}

# planned RING: lines of the ring and its files, in the order in which they start
planned() {
  awk -v ring="$1" '$1 == ring { print $1, $2 }' "$work/plan"
}

# Saves the measurements of this run. A line of the tally is passed, failed, skipped, ring, file, milliseconds.
keep_times() {
  local times=$root/build/test-times
  [ -z "$exclude" ] || return # not all of each file
  [ -e "$times" ] || : >"$times"
  awk 'FNR == NR { if (NF == 6) { ms[$4 " " $5] += $6; specs[$4 " " $5] += $1 + $2 + $3 }; next }
       !($1 " " $2 in ms)
       END { for (one in ms) print one, ms[one], specs[one] }' "$work/tally" "$times" | sort >"$work/times"
  mv "$work/times" "$times"
}

# One line about the run so far. The rings that compute run beside those that wait, behind the unit tests.
progress_line() {
  cat "$work"/*.results 2>/dev/null | grep -c '^passed' | awk -v now="$EPOCHSECONDS" -v began="$began" \
    -v waiting="$(slots api)" '
    FILENAME == "-" { passed = $1; next }
    FILENAME ~ /plan$/ {
      ms[$1, $2] = $3; slots[$1, $2] = $5
      lane[$1, $2] = $1 == "unit" ? "unit" : $5 == waiting ? "waiting" : "computing"
      all++; total[lane[$1, $2]] += $3 / $5; specs += $4
      if (!$4) unknown = 1
      next
    }
    FILENAME ~ /started$/ { started[$1, $2] = $3; next }
    { ended[$4, $5] = 1; done++; failed += $2; if ($4 == "unit" || $4 == "sweep") passed += $1 }
    function whole(of) { return of["unit"] + (of["waiting"] > of["computing"] ? of["waiting"] : of["computing"]) }
    END {
      for (one in started) {
        spent = (now - started[one]) * 1000
        past[lane[one]] += (one in ended || spent > ms[one] ? ms[one] : spent) / slots[one]
      }
      for (one in total) rest[one] = total[one] - past[one]
      # It trusts the plan for a minute, then the speed so far.
      left = whole(rest) / 1000 * (now - began + 60) / (whole(past) / 1000 + 60)
      printf "%d of %d files; %d ", done, all, passed
      printf unknown ? "specs passed" : "of %d specs passed", specs
      if (failed) printf ", %d failed", failed
      if (left < 50) printf "; less than a minute left"
      else printf "; about %d min left", (left + 40) / 60
    }' - "$work/plan" "$work/started" "$work/tally"
}

# Shows that line each second, on a terminal, until the run is over. It isn't a job of this shell, since the
# shell waits for its jobs.
show_progress() {
  [ -n "$terminal" ] || return
  (
    began=$EPOCHSECONDS
    while [ -d "$work" ] && kill -0 $$ 2>/dev/null; do
      [ ! -s "$work/started" ] || { flock 9 && progress "$(progress_line)"; } 9>>"$work/lock"
      sleep 1
    done &
    echo $! >"$work/ticker"
  )
}

stop_progress() {
  [ ! -s "$work/ticker" ] || kill "$(cat "$work/ticker")" 2>/dev/null
  progress ""
}
