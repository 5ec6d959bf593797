// The part of DuckDB's C interface that the sketches use. DuckDB's own header is in
// the module of its Go bindings, whose folder no #cgo line can name;
// TestSketchDeclarations compiles both together and so finds every difference.
#ifndef TIDEMARK_DUCKDB_API_H
#define TIDEMARK_DUCKDB_API_H

#include <stdbool.h>
#include <stdint.h>

typedef uint64_t idx_t;
typedef struct _duckdb_connection *duckdb_connection;
typedef struct _duckdb_logical_type *duckdb_logical_type;
typedef struct _duckdb_data_chunk *duckdb_data_chunk;
typedef struct _duckdb_vector *duckdb_vector;
typedef struct _duckdb_function_info *duckdb_function_info;
typedef struct _duckdb_aggregate_function *duckdb_aggregate_function;
typedef struct _duckdb_aggregate_state *duckdb_aggregate_state;
typedef struct _duckdb_scalar_function *duckdb_scalar_function;

// Types, as numbers of duckdb_type.
enum {
	boolean_type = 1,
	tinyint_type = 2,
	smallint_type = 3,
	integer_type = 4,
	bigint_type = 5,
	float_type = 10,
	double_type = 11,
	timestamp_type = 12, // microseconds, as is timestamp_tz_type
	date_type = 13,
	time_type = 14, // microseconds
	hugeint_type = 16,
	varchar_type = 17,
	blob_type = 18,
	decimal_type = 19,
	timestamp_ns_type = 22,
	timestamp_tz_type = 31,
	any_type = 34,
};

// text is a VARCHAR or BLOB in a vector: up to 12 bytes stand in it.
struct text {
	uint32_t length;
	char prefix[4];
	union {
		char rest[8];
		const char *bytes;
	};
};

// huge is a number of 128 bits in a vector.
struct huge {
	uint64_t low;
	int64_t high;
};

duckdb_logical_type duckdb_create_logical_type(unsigned type);
void duckdb_destroy_logical_type(duckdb_logical_type *type);
unsigned duckdb_get_type_id(duckdb_logical_type type);
unsigned duckdb_decimal_internal_type(duckdb_logical_type type);

idx_t duckdb_data_chunk_get_size(duckdb_data_chunk chunk);
duckdb_vector duckdb_data_chunk_get_vector(duckdb_data_chunk chunk, idx_t column);
duckdb_logical_type duckdb_vector_get_column_type(duckdb_vector vector);
void *duckdb_vector_get_data(duckdb_vector vector);
uint64_t *duckdb_vector_get_validity(duckdb_vector vector);
void duckdb_vector_ensure_validity_writable(duckdb_vector vector);
void duckdb_validity_set_row_invalid(uint64_t *validity, idx_t row);
void duckdb_vector_assign_string_element_len(duckdb_vector vector, idx_t row, const char *bytes, idx_t length);

duckdb_aggregate_function duckdb_create_aggregate_function();
void duckdb_destroy_aggregate_function(duckdb_aggregate_function *function);
void duckdb_aggregate_function_set_name(duckdb_aggregate_function function, const char *name);
void duckdb_aggregate_function_add_parameter(duckdb_aggregate_function function, duckdb_logical_type type);
void duckdb_aggregate_function_set_return_type(duckdb_aggregate_function function, duckdb_logical_type type);
void duckdb_aggregate_function_set_functions(
	duckdb_aggregate_function function, idx_t (*state_size)(duckdb_function_info info),
	void (*init)(duckdb_function_info info, duckdb_aggregate_state state),
	void (*update)(duckdb_function_info info, duckdb_data_chunk input, duckdb_aggregate_state *states),
	void (*combine)(duckdb_function_info info, duckdb_aggregate_state *source, duckdb_aggregate_state *target, idx_t count),
	void (*finalize)(duckdb_function_info info, duckdb_aggregate_state *source, duckdb_vector result, idx_t count, idx_t offset));
void duckdb_aggregate_function_set_destructor(duckdb_aggregate_function function, void (*destroy)(duckdb_aggregate_state *states, idx_t count));
void duckdb_aggregate_function_set_error(duckdb_function_info info, const char *error);
unsigned duckdb_register_aggregate_function(duckdb_connection connection, duckdb_aggregate_function function);

duckdb_scalar_function duckdb_create_scalar_function();
void duckdb_destroy_scalar_function(duckdb_scalar_function *function);
void duckdb_scalar_function_set_name(duckdb_scalar_function function, const char *name);
void duckdb_scalar_function_add_parameter(duckdb_scalar_function function, duckdb_logical_type type);
void duckdb_scalar_function_set_return_type(duckdb_scalar_function function, duckdb_logical_type type);
void duckdb_scalar_function_set_function(duckdb_scalar_function function, void (*compute)(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output));
void duckdb_scalar_function_set_error(duckdb_function_info info, const char *error);
unsigned duckdb_register_scalar_function(duckdb_connection connection, duckdb_scalar_function function);

#endif
