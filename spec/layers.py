#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who uses whom in this tree, and who must not: circles of calls, of includes and of `require`.

    python3 spec/layers.py [--circles] [--root FOLDER]

Prints what is wrong, one complaint a line, and ends with exit status 1 if there is any. --circles looks for circles
alone, and lists behind each everything that holds it together. The calls are what `nm` says of objects that are
built into build/layers without link-time optimisation: a table of functions that is handed over at run time is no
call, a symbol that is named is one. The folder stays, so that the second run is quick.
"""
import collections
import json
import os
import re
import subprocess
import sys

circles_only = "--circles" in sys.argv
if "--root" in sys.argv:
    os.chdir(sys.argv[sys.argv.index("--root") + 1])
else:
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
root = os.getcwd()
build = "build/layers"
complaints = 0


def complain(text):
    global complaints
    complaints += 1
    print(text)


def run(*command):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        sys.exit(f"layers: {' '.join(command[:3])} failed\n{result.stdout}")
    return result.stdout


def files(folders, pattern):
    for folder in folders:
        for where, _, names in os.walk(folder):
            yield from (os.path.join(where, name) for name in names if re.search(pattern, name))


# The objects.

def build_objects():
    """The object of each C file: {file: object}."""
    run("cmake", "-S", ".", "-B", build, "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON")
    run("cmake", "--build", build, "--parallel", str(os.cpu_count()))
    with open(f"{build}/compile_commands.json") as commands:
        return {os.path.relpath(one["file"], root): os.path.join(build, re.search(r" -o (\S+)", one["command"])[1])
                for one in json.load(commands)}


def build_load():
    """The same for bench/load, which is a program of its own and no part of the build."""
    objects = {}
    sources = sorted(files(["bench/load"], r"\.[ch]$"))
    newest = max(map(os.path.getmtime, sources), default=0)
    for source in sources:
        if source.endswith(".c"):
            objects[source] = f"{build}/{source}.o"
            os.makedirs(os.path.dirname(objects[source]), exist_ok=True)
            if not os.path.exists(objects[source]) or os.path.getmtime(objects[source]) < newest:
                run("cc", "-std=gnu11", "-O1", "-c", "-o", objects[source], source)
    return objects


def symbols(objects):
    """Who has which global symbol, and what each file uses: {symbol: file}, {file: symbols}."""
    owner, used = {}, {source: set() for source in objects}
    source_of = {made: source for source, made in objects.items()}
    for line in run("nm", "-A", "-P", "-g", *objects.values()).splitlines() if objects else ():
        made, name, kind = re.match(r"(.*?): (\S+) (\S)", line).groups()
        if kind in "Uw":
            used[source_of[made]].add(name)
        else:
            owner[name] = source_of[made]
    return owner, used


def calls(objects):
    """{file: {file that it uses: symbols}}"""
    owner, used = symbols(objects)
    graph = {source: collections.defaultdict(set) for source in objects}
    for source, names in used.items():
        for name in names:
            if owner.get(name, source) != source:
                graph[source][owner[name]].add(name)
    return graph


# Circles. A graph is {node: {next: words for the edge}}.

def knots(graph):
    """Tarjan: the strongly connected components of more than one node."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for after in sorted(graph.get(node, ())):
            if after not in index:
                visit(after)
            if after in stack:
                low[node] = min(low[node], low[after])
        if low[node] == index[node]:
            knot = []
            while not knot or knot[-1] != node:
                knot.append(stack.pop())
            if len(knot) > 1:
                found.append(sorted(knot))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def shortest(graph, start, inside):
    """A shortest way from a node back to it."""
    came_from, queue = {}, [start]
    for node in queue:
        for after in sorted(graph[node]):
            if after in inside and after not in came_from:
                came_from[after] = node
                if after == start:
                    way = [start]
                    while len(way) == 1 or way[-1] != start:
                        way.append(came_from[way[-1]])
                    return way[::-1]
                queue.append(after)


def words(edge, most=None):
    names = sorted(edge)
    return ", ".join(names[:most]) + (", …" if most and len(names) > most else "")


def look_for_circles(title, graph):
    for knot in knots(graph):
        shown = set()
        for node in knot:
            if node not in shown:
                way = shortest(graph, node, knot)
                shown.update(way)
                text = "".join(f" -> ({words(graph[a][b], 3)}) -> {b}" for a, b in zip(way, way[1:]))
                complain(f"circle of {title}: {node}{text}")
        if circles_only:
            print(f"  {len(knot)} files are in it:")
            for a in knot:
                for b in sorted(set(graph[a]) & set(knot)):
                    print(f"    {a} -> {b}: {words(graph[a][b])}")


# Includes and require.

def includes(objects_commands):
    """{file: {header of ours: the line}} of all C files; a name is looked for as the compiler does."""
    graph, every = {}, sorted(files(["host", "bindings", "program", "bench/load"], r"\.[ch]$"))
    for source in every:
        graph[source] = {}
        with open(source) as text:
            for name in re.findall(r'^\s*#\s*include\s*"([^"]+)"', text.read(), re.M):
                for folder in [os.path.dirname(source)] + objects_commands:
                    path = os.path.normpath(os.path.join(folder, name))
                    if os.path.exists(path):
                        graph[source][path] = {"#include"}
                        break
    return graph


def quote_folders():
    with open(f"{build}/compile_commands.json") as commands:
        found = set(re.findall(r"-iquote ?(\S+?)[\s\"]", commands.read()))
    return sorted(os.path.relpath(folder, root) for folder in found)


def requires():
    """{file: {file: module}} of the modules in Lua, the services and what the specs share."""
    graph, modules = {}, {}
    for source in files(["lua", "scripts"], r"\.lua$"):
        modules[source.split("/", 1)[1][:-4].replace("/", ".")] = source
    for source in files(["spec"], r"\.lua$"):
        modules[source[:-4].replace("/", ".")] = source
    for source in modules.values():
        graph[source] = collections.defaultdict(set)
        with open(source) as text:
            code = re.sub(r"^\s*--.*", "", text.read(), flags=re.M)
        for name in re.findall(r"""\brequire\s*\(?\s*["']([^"']+)["']""", code):
            if name in modules:
                graph[source][modules[name]].add(name)
    return graph


objects = build_objects()
load = build_load()
graph = calls(objects)
included = includes(quote_folders())
look_for_circles("calls", graph)
look_for_circles("calls", calls(load))
look_for_circles("includes", included)
look_for_circles("require", requires())
if complaints:
    print(f"layers: {complaints} complaints")
sys.exit(1 if complaints else 0)
