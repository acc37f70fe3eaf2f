# shellcheck shell=bash disable=SC2154  # root and the package lists are set in dev
# ./dev fuzz, which sources this file. What a fuzzer has found worth keeping stays in build/fuzz/corpus/NAME, so that the
# next run goes on there; an input that breaks a rule goes to build/fuzz/found. `reduce` makes a small corpus of both.

# Inputs longer than this find nothing more, and cost time.
declare -A longest=([calls]=400 [master]=400)

# fuzzed NAME SECONDS: one fuzzer. Its log has a line for each new coverage.
fuzzed() {
  local name=$1 corpus=build/fuzz/corpus/$1 log=build/fuzz/$1.log status
  mkdir -p "$corpus" build/fuzz/found
  # A Lua state that lives on isn't a leak; the replay in the unit tests looks for leaks at its end.
  ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=16 UBSAN_OPTIONS=print_stacktrace=1 \
    "build/fuzz/spec/${name}_fuzz" -max_total_time="$2" -timeout=30 -detect_leaks=0 -print_funcs=0 -len_control=0 \
    -max_len="${longest[$name]:-1000}" -artifact_prefix="build/fuzz/found/$name-" "$corpus" "spec/fuzz/corpus/$name" \
    >"$log" 2>&1
  status=$?
  printf '%s: %s executions; %s\n' "$name" "$(sed -n 's/^#\([0-9]*\).*/\1/p' "$log" | tail -n 1)" "$(coverage "$log")"
  [ $status -eq 0 ] || { grep -vE '^(#|INFO|\s*NEW_FUNC)' "$log" | sed 's/^/    | /' && return 1; }
}

# coverage LOG: at the start, at half of the lines, at the end
coverage() {
  awk 'match($0, /cov: [0-9]+ ft: [0-9]+/) { all[++n] = substr($0, RSTART, RLENGTH) }
    END { if (n) printf "%s, then %s, then %s", all[1], all[int((n + 1) / 2)], all[n] }' "$1"
}

# fuzzers: their names
fuzzers() { printf '%s\n' spec/fuzz/*_fuzz.* | sed 's,.*/,,; s/_fuzz\..*//'; }

# A corpus of this run's and the committed one's smallest inputs with all of their coverage, in build/fuzz/reduced/NAME.
reduce() {
  local to=build/fuzz/reduced/$1
  rm -rf "$to" && mkdir -p "$to"
  ASAN_OPTIONS=detect_leaks=0 "build/fuzz/spec/${1}_fuzz" -merge=1 -detect_leaks=0 "$to" "spec/fuzz/corpus/$1" \
    "build/fuzz/corpus/$1" >"$to.log" 2>&1 && say "$(find "$to" -type f | wc -l) inputs in $to"
}

run_fuzzers() {
  local name names minutes=${2:-10} failed=0 ran=0
  cd "$root" || exit
  mapfile -t names < <(fuzzers)
  if [ "${1:-all}" != all ] && [ "$1" != reduce ]; then
    [[ " ${names[*]} " == *" $1 "* ]] || fail "no such fuzzer: $1; there are ${names[*]}" 2
    names=("$1")
  fi
  [[ $minutes =~ ^[0-9]+$ ]] || [ "${1:-}" = reduce ] || fail "not a number of minutes: $minutes" 2
  need "${fuzz_packages[@]}"
  build fuzz || fail "the build failed"
  if [ "${1:-}" = reduce ]; then
    reduce "${2:?reduce needs the name of a fuzzer}"
    return
  fi
  for name in "${names[@]}"; do
    ran=$((ran + 1))
    progress "Fuzzing $name, $minutes min"
    fuzzed "$name" $((60 * minutes)) || failed=$((failed + 1))
  done
  printf '%d passed, %d failed\n' $((ran - failed)) "$failed"
  [ "$failed" -eq 0 ]
}
