#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who uses whom in this tree, and who must not: circles, folders, system calls, and the length of files.

    python3 spec/layers.py [--circles] [--root FOLDER]

Prints what is wrong, one complaint a line, and ends with exit status 1 if there is any. --circles looks for
circles alone, and lists behind each everything that holds it together. The calls are what `nm` says of
objects that are built into build/layers without link-time optimisation: a symbol that is named is a call, a
table of functions that is handed over at run time is none. The folder stays, so that the second run is quick.
"""
import collections
import fcntl
import json
import os
import re
import subprocess
import sys

# From the bottom up: a folder uses itself and those before it, never one behind it.
LAYERS = ["host/data", "host/system", "host/loop", "host/resolver", "host/net", "host/tls", "bindings/object",
          "bindings/run", "bindings/signal", "bindings/generation", "bindings/class", "bindings", "program"]

# What else must not be: files, what they must not use, and as what.
NEVER = [
    (r"^host/net/tcp_socket", r"^host/net/tcp_server", "a connection knows no server"),
    (r"^host/net/(stream|transport|connector|listener)", r"^host/net/tcp_", "a stream knows no TCP"),
]

# The same for symbols and headers of others.
NEVER_OUTSIDE = [
    (r"^host/", r"^luaL?_", r"^(lua|lauxlib|lualib|luaconf)\.h", "host/ knows no Lua"),
    (r"^(bindings|host/(data|system))/", r"^ev_", r"^(libev/)?ev\.h", "no libev here"),
    (r"^(bindings|program|host/(data|system|loop|net|tls))/", r"^ares_", r"^ares", "c-ares is for the resolver"),
    (r"^(bindings|program|host/(data|system|loop|resolver|net))/",
     r"^(SSL|BIO|X509|EVP|PEM|ERR|OPENSSL|CRYPTO|ASN1|OCSP|RAND)_", r"^openssl/", "OpenSSL is for host/tls"),
]

# System calls are made here. Beside the names that the kernel knows, these functions of the C library count;
# reading the clock and leaving do not.
SYSTEM = r"^(host/system|bench/load)/"
WRAPPERS = set("""
    sigaction signal sigprocmask pthread_sigmask sigsuspend sigwait raise wait waitpid execv execvp
    execvpe execl execlp posix_spawn posix_spawnp system popen pclose sleep usleep fopen freopen fdopen
    opendir fdopendir readdir closedir scandir realpath canonicalize_file_name remove mkfifo mkstemp
    mkostemp mkdtemp tmpfile daemon getaddrinfo getnameinfo gethostbyname if_nametoindex if_indextoname
    getifaddrs accept send recv open creat stat lstat mkdir rmdir unlink rename link symlink readlink
    access pipe dup2 fork vfork poll select epoll_create epoll_wait inotify_init
    """.split())
HARMLESS = {"exit", "time", "clock_gettime", "getpid"}
EXEMPT = {
    ("host/data/address.c", "if_nametoindex"),  # a scope is written as the name of an interface
    ("host/data/address.c", "if_indextoname"),
}

LONGEST = 400  # lines, unless the head of the file gives a reason
REASON = "Longer than 400 lines:"

C_FOLDERS = ["host", "bindings", "program", "bench/load"]

circles_only = "--circles" in sys.argv
if "--root" in sys.argv:
    os.chdir(sys.argv[sys.argv.index("--root") + 1])
else:
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
root = os.path.realpath(os.getcwd())
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


def in_tree(path):
    """A path as seen from the root, whatever links lead to it."""
    return os.path.relpath(os.path.realpath(path), root)


def files(folders, pattern):
    for folder in folders:
        for where, _, names in os.walk(folder):
            yield from (os.path.join(where, name) for name in names if re.search(pattern, name))


# The objects.

def build_objects():
    """The object of each C file: {file: object}."""
    cache, fresh = f"{build}/CMakeCache.txt", []
    if os.path.exists(cache):
        with open(cache) as text:
            built_from = re.search(r"^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)", text.read(), re.M)
        if not built_from or os.path.realpath(built_from[1]) != root or not os.path.exists(f"{build}/build.ninja"):
            fresh = ["--fresh"]  # CMake refuses the folder of a checkout that was copied or moved, or of another tool
    run("cmake", "-G", "Ninja", "-S", root, "-B", build, "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", *fresh)
    run("cmake", "--build", build, "--parallel", str(os.cpu_count()))
    with open(f"{build}/compile_commands.json") as commands:
        return {in_tree(one["file"]): f"{build}/" + re.search(r" -o (\S+)", one["command"])[1]
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


def calls(owner, used):
    """{file: {file that it uses: symbols}}"""
    graph = {source: collections.defaultdict(set) for source in used}
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

def includes():
    """{file: {header of ours}} and {file: names of the others}; a name is looked for as the compiler does."""
    with open(f"{build}/compile_commands.json") as commands:
        places = sorted(set(re.findall(r"-iquote ?(\S+)", commands.read())))
    ours, others = {}, {}
    for source in files(C_FOLDERS, r"\.[ch]$"):
        ours[source], others[source] = {}, set()
        with open(source) as text:
            names = re.findall(r'^\s*#\s*include\s*["<]([^">]+)', text.read(), re.M)
        for name in names:
            paths = (os.path.join(place, name) for place in [os.path.dirname(source), *places])
            path = next((in_tree(path) for path in paths if os.path.exists(path)), None)
            if path:
                ours[source][path] = {"#include"}
            if not path or "../" in name:
                others[source].add(name)
    return ours, others


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


# Layers.

def layer(path):
    return max((i for i, name in enumerate(LAYERS) if path.startswith(name + "/")), default=None,
               key=lambda i: len(LAYERS[i]))


def look_at_folders(graph):
    for a in sorted(graph):
        if layer(a) is None and not re.match("build/|bench/", a):
            complain(f"{a}: is in no folder of the layers")
        for b in sorted(graph[a]):
            if layer(a) is not None and layer(b) is not None and layer(b) > layer(a):
                complain(f"{a}: {LAYERS[layer(a)]} never uses {LAYERS[layer(b)]}: {b} ({words(graph[a][b])})")
            for who, whom, why in NEVER:
                if re.search(who, a) and re.search(whom, b):
                    complain(f"{a}: {why}: {b} ({words(graph[a][b])})")


def look_outside(used, headers):
    """used and headers: {file: names that none of our files defines}"""
    macros = run("cc", "-E", "-dM", "-include", "sys/syscall.h", "-xc", "/dev/null")
    kernel = set(re.findall(r"#define SYS_(\w+)", macros))
    system_calls = (kernel | WRAPPERS) - HARMLESS
    for source in sorted(headers):
        names = used.get(source, set())
        # as they are called without large files and fortification
        plain = {name: re.sub(r"^__|(64)?(_2|_chk)?$", "", name) for name in names}
        for who, symbols, includes, why in NEVER_OUTSIDE:
            bad = [name for name in names if re.search(symbols, name)]
            bad += [name for name in headers[source] if re.search(includes, name)]
            if re.search(who, source) and bad:
                complain(f"{source}: {why}: {words(bad)}")
        bad = [name for name in names if plain[name] in system_calls and (source, plain[name]) not in EXEMPT]
        if bad and not re.search(SYSTEM, source):
            complain(f"{source}: a system call outside host/system: {words(bad)}")
        for name in headers[source]:
            if "../" in name:
                complain(f"{source}: an include with ../: {name}")


def look_at_lengths():
    for source in files([*C_FOLDERS, "lua", "scripts", "spec", "bench", "docs"], r"\.(c|h|lua|py|sh|cmake)$"):
        with open(source) as text:
            lines = text.read().splitlines()
        if len(lines) > LONGEST and not any(REASON in line for line in lines[:20]):
            complain(f"{source}: {len(lines)} lines; {LONGEST} at most, or \"{REASON} …\" in its head")


def main():
    os.makedirs(build, exist_ok=True)
    with open(f"{build}/.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        programs = [symbols(build_objects()), symbols(build_load())]
    included, headers = includes()
    for program in programs:
        look_for_circles("calls", calls(*program))
    look_for_circles("includes", included)
    look_for_circles("require", requires())
    if not circles_only:
        graph = included
        for owner, used in programs:
            for a, more in calls(owner, used).items():
                graph[a] = {**graph.get(a, {}), **more}
        look_at_folders(graph)
        look_outside({a: {name for name in names if name not in owner} for owner, used in programs
                      for a, names in used.items()}, headers)
        look_at_lengths()
    if complaints:
        print(f"layers: {complaints} complaints")
    return 1 if complaints else 0


sys.exit(main())
