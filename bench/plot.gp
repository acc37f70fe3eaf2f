# SPDX-License-Identifier: MIT
# CPU time by the bare epoll server's, a cluster of bars a row: gnuplot -e "data='…'; out='…'; peers=n" plot.gp

set terminal svg size 900,420 font "sans-serif,12" background "white"
set output out
set datafile missing "?"
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.9 noborder
set boxwidth 0.9
set ylabel "CPU time, bare epoll (bulk: libev) = 1 (cut off at 4)"
set yrange [0:4]
set grid ytics lc rgb "#dddddd"
set key outside right top
set border 3
set tics nomirror
plot for [i = 2:peers + 1] data using i:xtic(1) title columnheader(i)
