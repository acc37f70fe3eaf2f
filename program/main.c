/*
 * The program: moonport [options] script.lua [arguments]. This file has the order of things; options, script
 * and stopping have their own files.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>

#include "loop/reserve.h"
#include "memory/pool.h"
#include "options.h"
#include "run.h"
#include "system/system.h"

int main(int argc, char **argv) {
    program self = {.options = {.grace = PROGRAM_GRACE,
                                .reload_timeout = PROGRAM_RELOAD_TIMEOUT,
                                .rollback_errors = PROGRAM_NO_PROBATION,
                                .work_threads = PROGRAM_WORK_THREADS,
                                .work_memory = PROGRAM_WORK_MEMORY,
                                .store_memory = PROGRAM_STORE_MEMORY,
                                .log_level = MP_LOG_INFO}};
    mp_system_open_standard(); /* otherwise a connection may get the number of stderr, and the log with it */
    int status = program_parse_options(&self.options, argc, argv);
    if (status != PROGRAM_GO_ON)
        goto done;
    status = 1;
    self.L = mp_reserve_set_aside() == 0 ? luaL_newstate() : NULL;
    if (!self.L) {
        program_complain("out of memory");
        goto done;
    }
    program_pool_memory(self.L);
    status = program_run(&self);
    lua_close(self.L);
done:
    free(self.options.code);
    return status;
}
