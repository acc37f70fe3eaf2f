/*
 * How a Process ends: signals of the system by their names, and the arguments of `finished`.
 *
 * SPDX-License-Identifier: MIT
 */
#include <signal.h>

#include "class/process.h"
#include "object/suggestion.h"

/* clang-format off */
#define SIGNALS(X)                                                                                           \
    X(HUP) X(INT) X(QUIT) X(ILL) X(TRAP) X(ABRT) X(BUS) X(FPE) X(KILL) X(USR1) X(SEGV) X(USR2) X(PIPE)       \
    X(ALRM) X(TERM) X(CHLD) X(CONT) X(STOP) X(TSTP) X(TTIN) X(TTOU) X(URG) X(XCPU) X(XFSZ) X(VTALRM)         \
    X(PROF) X(WINCH) X(IO) X(SYS)
/* clang-format on */

static const struct {
    const char *name;
    int number;
} signals[] = {
#define X(name) {"SIG" #name, SIG##name},
    SIGNALS(X)
#ifdef __linux__
        X(STKFLT) X(PWR)
#endif
#undef X
};

enum { SIGNAL_COUNT = sizeof signals / sizeof *signals };

const char *binding_exit_signal_name(int number) {
    for (int i = 0; i < SIGNAL_COUNT; i++)
        if (signals[i].number == number)
            return signals[i].name;
    return NULL;
}

static const char *name_of_signal(const void *list, int i) {
    (void)list;
    return i < SIGNAL_COUNT ? signals[i].name : NULL;
}

int binding_check_exit_signal(lua_State *L, int index) {
    return signals[binding_check_name(L, index, "signal", name_of_signal, NULL)].number;
}

int binding_push_exit(lua_State *L, mp_exit how) {
    lua_pushinteger(L, how.status);
    lua_pushstring(L, how.signalled ? "CrashExit" : "NormalExit");
    if (!how.signalled)
        return 2;
    const char *name = binding_exit_signal_name(how.status);
    if (name)
        lua_pushstring(L, name);
    else
        lua_pushfstring(L, "SIG%d", how.status);
    return 3;
}
