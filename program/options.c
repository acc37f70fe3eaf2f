/*
 * The command line.
 *
 * SPDX-License-Identifier: MIT
 */
#include "options.h"

#include <float.h>
#include <lua.h>
#include <math.h>
#include <stddef.h>
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
    "  --check, --watch   only compile, say what is wrong; reload when a file changes\n"
    "  --handler-timeout MS   end a handler that does not return in time (off)\n"
    "  --handler-kill MS      end the process if a handler runs longer (off)\n"
    "  --reload-timeout MS    time for the main chunk of a reload (10000)\n"
    "  --rollback-errors PERCENT  go back if more calls fail after a reload (off)\n"
    "  --workers N|auto   run the script in N processes that share its ports (off)\n"
    "  --max-memory SIZE, --max-buffers SIZE  bound Lua, as 512M; bound all buffers\n"
    "  --grace MS         time to finish when told to stop (5000)\n"
    "  --store URL        Redis that moonport.redis uses by default (its own store)\n"
    "  --store-file PATH  where its own store saves its keys (off)\n"
    "  --store-max-memory SIZE  memory of its keys (256M)\n"
    "  --work-threads N   threads for moonport.work (4)\n"
    "  --work-memory MIB  memory that each of them may use (64)\n"
    "  --keylog FILE      add the secrets of TLS connections to FILE, to debug (off)\n"
    "  --control PATH|off  where `moonport ctl` asks it (in a folder of this user)\n"
    "  --metrics PORT     serve Prometheus' metrics and a page; or ADDRESS:PORT (off)\n"
    "  --log-level LEVEL  debug, info, warning, error or none (info)\n"
    "  --log-format FORMAT    text, or json with one object a line (text)\n"
    "  --share, --allow-bytecode  print where files are installed; run bytecode (off)\n"
    "  --version, --help  print the version; print this\n"
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

/* What an option does with its value: NULL, or what it needs instead. `field` is of program_options. */
typedef const char *(*taker)(void *field, const char *value);

static const char *take_text(void *field, const char *value) {
    *(const char **)field = value;
    return NULL;
}

/* The whole of `value` must be a number of that range. */
static bool is_number(const char *value, double least, double most, double *number) {
    char *end;
    *number = strtod(value, &end);
    return end != value && !*end && *number >= least && *number <= most;
}

static const char *take_time(void *field, const char *value) {
    return is_number(value, 0, DBL_MAX, field) ? NULL : "needs a time in milliseconds";
}

static const char *take_percentage(void *field, const char *value) {
    return is_number(value, 0, 100, field) ? NULL : "needs a percentage from 0 to 100";
}

static const char *take_threads(void *field, const char *value) {
    double *number = field;
    return is_number(value, 1, 64, number) && *number == floor(*number)
               ? NULL
               : "needs a number of threads, 1 to 64";
}

static const char *take_mebibytes(void *field, const char *value) {
    double *number = field;
    return is_number(value, 1, 1 << 20, number) && *number == floor(*number) ? NULL : "needs a number of MiB";
}

/* "1048576", "1024K", "512M", "2G" */
static const char *take_size(void *field, const char *value) {
    static const char units[] = "KMG", why[] = "needs a size of at least 1M, as 512M or 2G";
    double *bytes = field;
    char *end;
    *bytes = strtod(value, &end);
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (end == value || (*end && (!unit || end[1])))
        return why;
    if (unit)
        *bytes *= (double)(1 << (10 * (unit - units + 1)));
    return *bytes >= 1 << 20 && *bytes <= 1e15 ? NULL : why;
}

static const char *take_workers(void *field, const char *value) {
    double number;
    if (strcmp(value, "auto") == 0)
        number = fmin(mp_system_processors(), PROGRAM_MOST_WORKERS);
    else if (!is_number(value, 1, PROGRAM_MOST_WORKERS, &number) || number != floor(number))
        return "needs a number of processes, 1 to 256, or auto";
    *(int *)field = (int)number;
    return NULL;
}

/* "9090", "10.0.0.1:9090", "[::1]:9090" */
static const char *take_metrics(void *field, const char *value) {
    static const char why[] = "needs a port, or an address and a port, as 127.0.0.1:9090";
    program_metrics_place *place = field;
    const char *colon = strrchr(value, ':'), *from = value;
    double port;
    size_t length = colon ? (size_t)(colon - value) : 0;
    if (length > 2 && value[0] == '[' && value[length - 1] == ']') {
        from++;
        length -= 2;
    } else if (memchr(value, ':', length)) {
        return why;
    }
    if (!is_number(colon ? colon + 1 : value, 0, 65535, &port) || port != floor(port))
        return why;
    mp_address_set_ipv4(&place->address, 0x7f000001);
    if (colon && mp_address_parse(&place->address, from, length) != 0)
        return why;
    place->port = (uint16_t)port;
    place->wanted = true;
    return NULL;
}

static const char *take_level(void *field, const char *value) {
    int level = mp_log_level_from_name(value);
    if (level < 0)
        return "needs debug, info, warning, error or none";
    *(enum mp_log_level *)field = (enum mp_log_level)level;
    return NULL;
}

static const char *take_format(void *field, const char *value) {
    int format = mp_log_format_from_name(value);
    if (format < 0)
        return "needs text or json";
    *(enum mp_log_format *)field = (enum mp_log_format)format;
    return NULL;
}

/* moonport.redis reads it from there, as in any program. */
static const char *take_store(void *field, const char *value) {
    (void)field;
    setenv("MOONPORT_STORE", value, 1);
    return NULL;
}

static const char *take_code(void *field, const char *value) {
    program_options *options = field;
    options->code[options->code_count++] = value;
    return NULL;
}

#define FIELD(name) offsetof(program_options, name)

static const struct {
    const char *name;
    taker take;
    size_t field;
} with_value[] = {
    {"-e", take_code, 0},
    {"--grace", take_time, FIELD(grace)},
    {"--handler-timeout", take_time, FIELD(handler_timeout)},
    {"--handler-kill", take_time, FIELD(handler_kill)},
    {"--reload-timeout", take_time, FIELD(reload_timeout)},
    {"--rollback-errors", take_percentage, FIELD(rollback_errors)},
    {"--work-threads", take_threads, FIELD(work_threads)},
    {"--work-memory", take_mebibytes, FIELD(work_memory)},
    {"--keylog", take_text, FIELD(keylog)},
    {"--control", take_text, FIELD(control)},
    {"--metrics", take_metrics, FIELD(metrics)},
    {"--store", take_store, 0},
    {"--store-file", take_text, FIELD(store_file)},
    {"--store-max-memory", take_size, FIELD(store_memory)},
    {"--workers", take_workers, FIELD(workers)},
    {"--max-memory", take_size, FIELD(max_memory)},
    {"--max-buffers", take_size, FIELD(max_buffers)},
    {"--log-level", take_level, FIELD(log_level)},
    {"--log-format", take_format, FIELD(log_format)},
};

/* -> the number of words that it takes, 0: it is no option with a value, or minus the exit status */
static int take_option(program_options *options, const char *name, const char *value) {
    for (size_t k = 0; k < sizeof with_value / sizeof *with_value; k++) {
        if (strcmp(with_value[k].name, name) != 0)
            continue;
        const char *why = value ? with_value[k].take((char *)options + with_value[k].field, value)
                                : "needs a value";
        return why ? -misused(name, why) : 2;
    }
    return 0;
}

/* What a master puts in front of its own words: moonport --as-worker NUMBER/COUNT:DESCRIPTOR moonport …, and
   an owner of a store or of metrics: moonport --as-store PATH moonport …, --as-metrics ADDRESS:PORT
   -> how many words that are */
static int take_kind(program_options *options, int argc, char **argv) {
    if (argc >= 4 && strcmp(argv[1], "--as-store") == 0) {
        options->store = argv[2];
        return 3;
    }
    if (argc >= 4 && strcmp(argv[1], "--as-metrics") == 0) {
        options->as_metrics = argv[2];
        return 3;
    }
    if (argc >= 4 && strcmp(argv[1], "--as-worker") == 0) {
        char *end;
        options->worker = (int)strtol(argv[2], &end, 10);
        options->worker_count = *end ? (int)strtol(end + 1, &end, 10) : 0;
        options->channel = *end ? (int)strtol(end + 1, NULL, 10) : 0;
        return 3;
    }
    return 0;
}

void program_run_own_code(program_options *options, const char *code) {
    options->script = NULL;
    options->code[0] = code; /* there is room for each word */
    options->code_count = 1;
    options->watch = false;
    options->handler_timeout = options->handler_kill = 0;
    options->rollback_errors = PROGRAM_NO_PROBATION;
    options->keylog = NULL;
    options->max_memory = options->max_buffers = 0;
}

int program_parse_options(program_options *options, int argc, char **argv) {
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
        int words = take_option(options, name, i + 1 < argc ? argv[i + 1] : NULL);
        if (words < 0)
            return -words;
        if (words > 0) {
            i += words - 1;
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
        } else if (strcmp(name, "--allow-bytecode") == 0) {
            options->allow_bytecode = true;
        } else if (strcmp(name, "--") == 0) {
            i++;
            break;
        } else {
            return misused(name, "unknown option");
        }
    }
    options->script_index = i;
    options->script = i < argc ? argv[i] : NULL;
    if (options->worker > 0 || options->store || options->as_metrics || options->check)
        options->workers = 0;
    if (options->worker > 0 || options->store || options->as_metrics)
        options->metrics.wanted = false; /* these are their owner's */
    if (!options->script && (options->check || options->code_count == 0)) {
        fputs("moonport: no script given (see moonport --help)\n", stderr);
        return 2;
    }
    return PROGRAM_GO_ON;
}
