/*
 * Slices of an answer that looks at everything there is (walk.h).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_SLICE_OF_ANSWER_H
#define PROGRAM_SLICE_OF_ANSWER_H

#include "operate/visitor.h"
#include "operate/walk.h"

enum program_sliced { PROGRAM_SLICE_MORE, PROGRAM_SLICE_LAST, PROGRAM_SLICE_FAILED };

/* What is done with each place; its value is on top of state->L. May raise. */
typedef void program_look(program_visitor *visitor, program_found found);

/* Looks at some more places, from visitor->next on. FAILED: the answer was ended with an error. */
enum program_sliced program_do_slice(program_visitor *visitor, program_look *look);

/* In `begin`: the connection with the id that the command's word is will be looked for. If it is none, the
   answer ends with an error. */
void program_want_connection(program_visitor *visitor);

/* In a look: the connection that is looked for, if it is here; then visitor->wanted is 0. */
mp_stream *program_wanted_connection(program_visitor *visitor, program_found found);

#endif
