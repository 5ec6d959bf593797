// The functions of DuckDB that work with sketches; plan/function says what each is.
#ifndef TIDEMARK_SKETCH_FUNCTIONS_H
#define TIDEMARK_SKETCH_FUNCTIONS_H

#include <stdbool.h>

// sketch_memory_error is the text of the error of a question whose sketches have
// no room.
extern const char *const sketch_memory_error;

// sketch_register tells DuckDB of the functions. They are of the database that the
// duckdb_connection is one to, for as long as it is open. It is false when DuckDB
// refuses one.
bool sketch_register(void *connection);

#endif
