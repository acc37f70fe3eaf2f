/*
 * The command line.
 *
 * SPDX-License-Identifier: MIT
 */
#include "options.h"

#include <lua.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "new.h"
#include "share.h"
#include "system/service.h"

static const char help[] =
    "usage: moonport [options] script.lua [arguments]  (or -, new --help, ctl --help)\n"
    "  -e CODE            run CODE first (repeatable; the script is then optional)\n"
    "  --check            compile the script and its modules only, say what is wrong\n"
    "  --watch            reload when the script or a module beside it changes\n"
    "  --handler-timeout MS   end a handler that does not return in time (off)\n"
    "  --handler-kill MS      end the process if a handler runs longer (off)\n"
    "  --reload-timeout MS    time for the main chunk of a reload (10000)\n"
    "  --rollback-errors PERCENT  go back if more calls fail after a reload (off)\n"
    "  --workers N|auto   run the script in N processes that share its ports (off)\n"
    "  --max-memory SIZE  memory of Lua, as 512M; what needs more fails (off)\n"
    "  --grace MS         time to finish when told to stop (5000)\n"
    "  --store URL        Redis that moonport.redis uses by default (its own store)\n"
    "  --store-file PATH  where its own store saves its keys (off)\n"
    "  --store-max-memory SIZE  memory of its keys (256M)\n"
    "  --work-threads N   threads for moonport.work (4)\n"
    "  --work-memory MIB  memory that each of them may use (64)\n"
    "  --keylog FILE      add the secrets of TLS connections to FILE, to debug (off)\n"
    "  --control PATH|off  where `moonport ctl` asks it (in a folder of this user)\n"
    "  --log-level LEVEL  debug, info, warning, error or none (info)\n"
    "  --log-format FORMAT    text, or json with one object a line (text)\n"
    "  --share            print where the types, scripts and man pages are installed\n"
    "  --version          print the version\n"
    "  --help             print this\n"
    "signals: HUP reloads, TERM, INT stop; exit status: 0 ended, 1 failed, 2 misused\n";

#ifdef MOONPORT_TLS
#define WITHOUT_TLS ""
#else
#define WITHOUT_TLS ", without TLS"
#endif

void program_complain(const char *text) {
    static const char heading[] = "\nstack traceback:\n";
    if (!mp_log_is_for_programs()) {
        if (*mp_log_source())
            fprintf(stderr, "moonport: [%s] %s\n", mp_log_source(), text);
        else
            fprintf(stderr, "moonport: %s\n", text);
        return;
    }
    /* The message may have such a line, too. */
    const char *trace = NULL, *next = text;
    while ((next = strstr(next, heading)))
        trace = ++next;
    size_t length = strlen(text), message = trace ? (size_t)(trace - text) - 1 : length;
    mp_log_trace(MP_LOG_DEBUG, MP_LOG_ERROR, text, message, trace ? trace : "",
                 trace ? length - message - 1 : 0);
}

static int misused(const char *option, const char *why) {
    fprintf(stderr, "moonport: %s: %s (see moonport --help)\n", option, why);
    return 2;
}

/* "1048576", "1024K", "512M", "2G" */
static bool take_size(const char *value, double *bytes) {
    static const char units[] = "KMG";
    char *end;
    *bytes = strtod(value, &end);
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (end == value || (*end && (!unit || end[1])))
        return false;
    if (unit)
        *bytes *= (double)(1 << (10 * (unit - units + 1)));
    return *bytes >= 1 << 20 && *bytes <= 1e15;
}

/* Handles the option at argv[*i], which needs a value. */
static int take_value(program_options *options, const char *name, const char *value) {
    char *end;
    if (!value)
        return misused(name, "needs a value");
    if (strcmp(name, "-e") == 0) {
        options->code[options->code_count++] = value;
    } else if (strcmp(name, "--keylog") == 0) {
        options->keylog = value;
    } else if (strcmp(name, "--store") == 0) {
        setenv("MOONPORT_STORE", value, 1);
    } else if (strcmp(name, "--control") == 0) {
        options->control = value;
    } else if (strcmp(name, "--rollback-errors") == 0) {
        options->rollback_errors = strtod(value, &end);
        if (end == value || *end || !(options->rollback_errors >= 0) || options->rollback_errors > 100)
            return misused(name, "needs a percentage from 0 to 100");
    } else if (strcmp(name, "--workers") == 0) {
        long number = strtol(value, &end, 10);
        if (strcmp(value, "auto") == 0)
            number = mp_system_processors();
        else if (end == value || *end || number < 1 || number > PROGRAM_MOST_WORKERS)
            return misused(name, "needs a number of processes, 1 to 256, or auto");
        options->workers = (int)(number < PROGRAM_MOST_WORKERS ? number : PROGRAM_MOST_WORKERS);
    } else if (strcmp(name, "--store-file") == 0) {
        options->store_file = value;
    } else if (strcmp(name, "--max-memory") == 0 || strcmp(name, "--store-max-memory") == 0) {
        if (!take_size(value, name[2] == 'm' ? &options->max_memory : &options->store_memory))
            return misused(name, "needs a size of at least 1M, as 512M or 2G");
    } else if (strcmp(name, "--log-format") == 0) {
        int format = mp_log_format_from_name(value);
        if (format < 0)
            return misused(name, "needs text or json");
        options->log_format = (enum mp_log_format)format;
    } else if (strncmp(name, "--work-", 7) == 0) {
        double most = strcmp(name, "--work-threads") == 0 ? 64 : 1 << 20, number = strtod(value, &end);
        if (end == value || *end || !(number >= 1) || number > most || number != floor(number))
            return misused(name, most == 64 ? "needs a number of threads, 1 to 64" : "needs a number of MiB");
        *(most == 64 ? &options->work_threads : &options->work_memory) = number;
    } else if (strcmp(name, "--log-level") != 0) {
        double msec = strtod(value, &end);
        if (end == value || *end || !(msec >= 0) || isinf(msec))
            return misused(name, "needs a time in milliseconds");
        *(strcmp(name, "--grace") == 0             ? &options->grace
          : strcmp(name, "--handler-timeout") == 0 ? &options->handler_timeout
          : strcmp(name, "--handler-kill") == 0    ? &options->handler_kill
                                                   : &options->reload_timeout) = msec;
    } else {
        int level = mp_log_level_from_name(value);
        if (level < 0)
            return misused(name, "needs debug, info, warning, error or none");
        options->log_level = (enum mp_log_level)level;
    }
    return PROGRAM_GO_ON;
}

/* What a master puts in front of its own words: moonport --as-worker NUMBER/COUNT:DESCRIPTOR moonport …, and
   an owner of a store: moonport --as-store PATH moonport …
   -> how many words that are */
static int take_kind(program_options *options, int argc, char **argv) {
    char end;
    if (argc >= 4 && strcmp(argv[1], "--as-store") == 0) {
        options->store = argv[2];
        return 3;
    }
    if (argc < 4 || strcmp(argv[1], "--as-worker") != 0 ||
        sscanf(argv[2], "%d/%d:%d%c", &options->worker, &options->worker_count, &options->channel, &end) != 3)
        return 0;
    return 3;
}

void program_run_own_code(program_options *options, const char *code) {
    options->script = NULL;
    options->code[0] = code; /* there is room for each word */
    options->code_count = 1;
    options->watch = false;
    options->handler_timeout = options->handler_kill = 0;
    options->rollback_errors = PROGRAM_NO_PROBATION;
    options->keylog = NULL;
    options->max_memory = 0;
}

int program_parse_options(program_options *options, int argc, char **argv) {
    static const char *const with_value[] = {"-e",
                                             "--grace",
                                             "--handler-timeout",
                                             "--handler-kill",
                                             "--reload-timeout",
                                             "--rollback-errors",
                                             "--work-threads",
                                             "--work-memory",
                                             "--keylog",
                                             "--control",
                                             "--store",
                                             "--store-file",
                                             "--store-max-memory",
                                             "--workers",
                                             "--max-memory",
                                             "--log-level",
                                             "--log-format"};
    int i = take_kind(options, argc, argv);
    argv += i;
    argc -= i;
    options->arguments = argv;
    options->argument_count = argc;
    options->code = calloc((size_t)argc + 1, sizeof *options->code);
    if (!options->code) {
        program_complain("out of memory");
        return 1;
    }
    if (argc > 1 && strcmp(argv[1], "ctl") == 0)
        return program_ctl(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "new") == 0)
        return program_new(argc - 2, argv + 2);
    for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
        const char *name = argv[i];
        bool wants_value = false;
        for (size_t k = 0; k < sizeof with_value / sizeof *with_value; k++)
            wants_value = wants_value || strcmp(with_value[k], name) == 0;
        if (wants_value) {
            int status = take_value(options, name, i + 1 < argc ? argv[i + 1] : NULL);
            if (status != PROGRAM_GO_ON)
                return status;
            i++;
        } else if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
            fputs(help, stdout);
            return 0;
        } else if (strcmp(name, "--version") == 0 || strcmp(name, "-v") == 0) {
            puts("moonport " MOONPORT_VERSION " (" LUA_RELEASE WITHOUT_TLS ")");
            return 0;
        } else if (strcmp(name, "--share") == 0) {
            return program_print_share();
        } else if (strcmp(name, "--check") == 0) {
            options->check = true;
        } else if (strcmp(name, "--watch") == 0) {
            options->watch = true;
        } else if (strcmp(name, "--") == 0) {
            i++;
            break;
        } else {
            return misused(name, "unknown option");
        }
    }
    options->script_index = i;
    options->script = i < argc ? argv[i] : NULL;
    if (options->worker > 0 || options->store || options->check)
        options->workers = 0;
    if (!options->script && (options->check || options->code_count == 0)) {
        fputs("moonport: no script given (see moonport --help)\n", stderr);
        return 2;
    }
    return PROGRAM_GO_ON;
}
