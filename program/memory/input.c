/*
 * Input that becomes a string without a copy. The loop receives into a unit of memory from here. When a
 * handler reads a large part of it at once, the string gets the unit, and the loop continues with another.
 * docs/performance.md says what this gains.
 *
 * Lua makes a long string from a header, the bytes and a NUL: it asks its allocator for memory for all three,
 * and copies the bytes. The allocator returns the place where the bytes already are, less the header, and Lua
 * copies them onto themselves. That changes nothing (compilers rely on it too), and glibc's memcpy returns at
 * once. A test at the start detects a Lua with another layout of strings; then everything is copied, as it is
 * without a unit.
 *
 * SPDX-License-Identifier: MIT
 */
#include "memory/input.h"

#include <stddef.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

#include "data/buffer.h"
#include "memory/blocks.h"
#include "net/stream_input.h"
#include "system/system.h"

/* A full buffer and the NUL, in pages; and what is requested from the system at once. */
#define UNIT ((size_t)132 << 10)
#define GROWTH (16 * UNIT)

/* Addresses, not memory. If a script holds more strings than fit, further ones are copies. */
#if defined(INPUT_TEST)
#define RESERVED (INPUT_TEST * UNIT)
#else
#define RESERVED (32000 * UNIT)
#endif
#define SPARE_UNITS 64 /* the most free units that keep their memory */

_Static_assert(sizeof(mp_buffer) + MP_BUFFER_HEADROOM + MP_INPUT_SIZE < UNIT,
               "a unit holds a buffer and a NUL");

/* A string that takes over a unit fills at least half of it. */
#define LEAST (UNIT / 2)

/* The size of the string that tests the layout. */
#define TRIAL 16384

static struct {
    program_blocks units;
    size_t header;   /* what a long string has before its bytes */
    size_t expected; /* the size that Lua will request for the string being made; otherwise 0 */
    char *place;     /* the place for that string */
} input = {.units = {.size = UNIT, .growth = GROWTH, .spares = SPARE_UNITS}};

static void *unit_of(const void *block) {
    return input.units.base + (size_t)((const char *)block - input.units.base) / UNIT * UNIT;
}

static mp_buffer *take(void) {
    mp_buffer *buffer = program_take_block(&input.units);
    if (buffer)
        mp_buffer_init(buffer, MP_INPUT_SIZE);
    return buffer;
}

/* --- for the allocator ---------------------------------------------------------------------------------- */

bool program_is_input(const void *block) {
    return (size_t)((uintptr_t)block - (uintptr_t)input.units.base) < input.units.reserved;
}

void program_free_input(void *block) {
    program_give_block_back(&input.units, unit_of(block));
}

void program_trim_input(void) {
    program_trim_blocks(&input.units);
}

void *program_place_input(size_t size) {
    if (size != input.expected)
        return NULL;
    input.expected = 0;
    return input.place;
}

/* --- for the bindings ----------------------------------------------------------------------------------- */

/* Pushes the string whose bytes are already at `data`. False: Lua has made a copy. */
static bool push_placed(lua_State *L, const char *data, size_t size) {
    input.place = (char *)(uintptr_t)data - input.header;
    input.expected = input.header + size + 1;
    lua_pushlstring(L, data, size);
    bool placed = input.expected == 0;
    input.expected = 0;
    return placed;
}

bool program_adopt_input(lua_State *L, mp_stream *socket) {
    size_t size;
    const char *data = mp_stream_peek(socket, &size);
    if (size < LEAST || !program_is_input(data) || !mp_stream_may_keep_input(socket))
        return false;
    char *full = unit_of(data);
    const char *place = data - input.header;
    mp_buffer *next;
    if (place < full || (uintptr_t)place % _Alignof(max_align_t) != 0 || !(next = take()))
        return false;
    mp_stream_keep_input(socket, next);
    if (!push_placed(L, data, size))
        program_give_block_back(&input.units, full);
    return true;
}

static size_t bytes_in_use(lua_State *L) {
    return ((size_t)lua_gc(L, LUA_GCCOUNT) << 10) + (size_t)lua_gc(L, LUA_GCCOUNTB);
}

/* True if Lua lays out a long string as expected. Finds the size of the header with one string, and tests it
   with another. */
static bool fits_lua(lua_State *L) {
    static const char text[TRIAL];
    lua_gc(L, LUA_GCSTOP);
    size_t before = bytes_in_use(L);
    lua_pushlstring(L, text, sizeof text);
    input.header = bytes_in_use(L) - before - sizeof text - 1;
    mp_buffer *buffer = take();
    const char *data = buffer ? buffer->data + buffer->start : NULL;
    bool fits = data && input.header <= (size_t)(data - (char *)buffer);
    if (fits) {
        fits = push_placed(L, data, sizeof text) && lua_tostring(L, -1) == data;
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    lua_gc(L, LUA_GCRESTART);
    return fits;
}

void program_lend_input(lua_State *L, binding_state *state) {
    if (getenv("MOONPORT_MALLOC") || (!input.units.base && !(input.units.base = mp_system_reserve(RESERVED))))
        return;
    input.units.reserved = RESERVED;
#if defined(__SANITIZE_ADDRESS__)
    __lsan_register_root_region(input.units.base,
                                RESERVED); /* strings are links of Lua's list of all objects */
#endif
    mp_buffer *buffer = fits_lua(L) ? take() : NULL;
    if (!buffer)
        return;
    mp_network_lend_input(mp_network_of(state->loop), buffer);
}
