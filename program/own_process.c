/*
 * Processes of the program's own; see own_process.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "own_process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "class/process.h"
#include "net/descriptor.h"
#include "system/local.h"
#include "system/process.h"
#include "system/system.h"

#define HEALTH 60000.0  /* milliseconds that make the next death the first one */
#define LONGEST 30000.0 /* pause before it is started again */

static void start_again(program_own_process *self);

static void close_descriptor(const program_own_process *self, int *fd) {
    if (*fd >= 0)
        mp_descriptor_close(mp_network_of(self->state->loop), *fd);
    *fd = -1;
}

static void close_channel(program_own_process *self) {
    if (self->over)
        self->over(self);
    close_descriptor(self, &self->channel);
}

/* moonport OPTION WORD moonport …: it has the program's own words. */
static int spawn(program_own_process *self, int input) {
    const program_options *options = self->options;
    size_t count = (size_t)options->argument_count;
    const char **words = calloc(count + 4, sizeof *words);
    if (!words)
        return -ENOMEM;
    words[0] = "moonport";
    words[1] = self->option;
    words[2] = self->word;
    memcpy(words + 3, options->arguments, count * sizeof *words);
    mp_spawn how = {.program = "/proc/self/exe", /* also if another version has been installed meanwhile */
                    .arguments = (char *const *)words,
                    .standard = {input, -1, -1},
                    .channel = self->given,
                    .sheltered = true,
                    .parting = PROGRAM_PARTING};
    int result = mp_system_spawn(&how, &self->pid, &self->process);
    free(words);
    return result;
}

static void on_ended(mp_readable *ended) {
    program_own_process *self = MP_CONTAINER(ended, program_own_process, ended);
    enum mp_log_level level = self->state->loop->log_level;
    mp_exit how;
    if (mp_system_look_at_exit(self->process, &how) != 1)
        return;
    mp_readable_stop(ended);
    mp_system_reap(self->process);
    close_descriptor(self, &self->process);
    close_channel(self);
    self->pid = 0;
    const char *name = how.signalled ? binding_exit_signal_name(how.status) : NULL;
    if (name)
        mp_log(level, MP_LOG_ERROR, "%s was ended by %s", self->name, name);
    else
        mp_log(level, MP_LOG_ERROR, "%s ended with %s %d", self->name, how.signalled ? "signal" : "status",
               how.status);
    start_again(self);
}

int program_start_own_process(program_own_process *self) {
    int fds[2], result = mp_system_pair(fds);
    if (result < 0)
        return result;
    self->started = mp_loop_now();
    result = spawn(self, fds[1]);
    mp_system_close(fds[1]);
    if (result < 0) {
        mp_system_close(fds[0]);
        return result;
    }
    mp_descriptor_own(mp_network_of(self->state->loop), fds[0]); /* no script can take these */
    mp_descriptor_own(mp_network_of(self->state->loop), self->process);
    if (self->begun)
        self->begun(self, fds[0]);
    else
        self->channel = fds[0];
    mp_readable_start(&self->ended, self->state->loop, self->process, on_ended);
    return 0;
}

static void on_again(mp_delay *again) {
    program_own_process *self = MP_CONTAINER(again, program_own_process, again);
    int result = program_start_own_process(self);
    if (result == 0)
        return;
    mp_log(self->state->loop->log_level, MP_LOG_ERROR, "%s can't be started: %s", self->name,
           strerror(-result));
    start_again(self);
}

/* At once the first time, then after 1, 2, 4 … 30 s: as workers, see pauses.lua. */
static void start_again(program_own_process *self) {
    if (mp_loop_now() - self->started >= HEALTH)
        self->deaths = 0;
    double pause = self->deaths == 0 ? 0 : self->deaths < 6 ? 1000.0 * (1 << (self->deaths - 1)) : LONGEST;
    self->deaths++;
    if (pause > 0)
        mp_log(self->state->loop->log_level, MP_LOG_INFO, "%s is started again in %.14g s", self->name,
               pause / 1e3);
    mp_delay_start(&self->again, self->state->loop, pause, on_again);
}

bool program_end_own_process(program_own_process *self, double msec) {
    mp_exit how = {0};
    mp_readable_stop(&self->ended);
    mp_delay_stop(&self->again, self->state->loop);
    if (self->process < 0)
        return true;
    close_channel(self);
    (void)mp_system_wait(self->process, false, (int)msec);
    if (mp_system_look_at_exit(self->process, &how) == 1) {
        mp_system_reap(self->process);
    } else {
        mp_log(self->state->loop->log_level, MP_LOG_ERROR, "%s did not stop in time: it is killed",
               self->name);
        (void)mp_system_signal_process(self->process, SIGKILL);
        mp_system_wait_and_reap(self->process);
        how.status = 1;
    }
    close_descriptor(self, &self->process);
    self->pid = 0;
    return how.status == 0;
}
