/*
 * The code of a function for other Lua states, as by string.dump. A function is dumped once; functions that
 * are made anew for each call share their code.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_WORK_CODE_H
#define BINDING_WORK_CODE_H

#include "object/state.h"

/* The loop's thread counts the references; others only read, until the state is closed. */
typedef struct binding_work_code {
    uint64_t number;     /* no other code has it */
    uint32_t generation; /* whose code it is: another one's has modules of its own */
    _Atomic uint32_t references;
    char *path, *cpath; /* of its `package`, or NULL */
    char *data;
    size_t size;
} binding_work_code;

/* All codes of a state. Private. */
typedef struct binding_codes {
    uint64_t count;  /* that were ever made */
    int by_function; /* reference: a weak-keyed table, from functions to their codes */
    int by_text;     /* reference: a table, from what string.dump gives to codes */
    unsigned texts;  /* in that table */
    char *text;      /* of the last function that was dumped */
    size_t size, capacity;
} binding_codes;

void binding_open_codes(lua_State *L, binding_codes *codes);
void binding_free_codes(binding_codes *codes);

/* The code of the function at index 1. It stays until the next call; a reference makes it stay longer. Raises
   if the function has upvalues besides _ENV, or there is no memory. */
binding_work_code *binding_code_of(lua_State *L, binding_codes *codes);

/* Ends a reference. */
void binding_release_code(binding_work_code *code);

#endif
