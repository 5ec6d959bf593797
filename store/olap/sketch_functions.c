#include "sketch_functions.h"

#include "duckdb_api.h"
#include "sketch.h"

const char *const sketch_memory_error = "there is no more memory for sketches";

static const char type_error[] = "values of this type cannot be counted";

// rows are those of a vector. DuckDB makes all vectors flat before it calls.
struct rows {
	idx_t count;
	const uint64_t *validity; // a bit for each row; NULL when no row is NULL
	const void *values;
	unsigned type, digits_type; // digits_type is how a DECIMAL is kept
};

static struct rows rows_of(duckdb_data_chunk input) {
	duckdb_vector vector = duckdb_data_chunk_get_vector(input, 0);
	duckdb_logical_type type = duckdb_vector_get_column_type(vector);
	struct rows rows = {
		.count = duckdb_data_chunk_get_size(input),
		.validity = duckdb_vector_get_validity(vector),
		.values = duckdb_vector_get_data(vector),
		.type = duckdb_get_type_id(type),
	};
	if (rows.type == decimal_type) {
		rows.digits_type = duckdb_decimal_internal_type(type);
	}
	duckdb_destroy_logical_type(&type);
	return rows;
}

static inline bool is_null(const struct rows *rows, idx_t row) {
	return rows->validity != NULL && (rows->validity[row / 64] >> (row % 64) & 1) == 0;
}

static const char *bytes_of(const struct text *text) {
	return text->length <= 12 ? text->prefix : text->bytes;
}

// HASH_ROWS hashes rows by an expression of v, the value. What stands in place of a
// NULL is hashed, too.
#define HASH_ROWS(value_type, hash) \
	for (idx_t i = 0; i < count; i++) { \
		value_type v = ((const value_type *)rows->values)[from + i]; \
		hashes[i] = hash; \
	} \
	return true

static bool hash_texts(const struct rows *rows, idx_t from, idx_t count, uint64_t *hashes) {
	const struct text *texts = rows->values;
	for (idx_t i = 0; i < count; i++) {
		if (!is_null(rows, from + i)) { // or its bytes may be anywhere
			hashes[i] = sketch_hash_bytes(bytes_of(&texts[from + i]), texts[from + i].length);
		}
	}
	return true;
}

static bool hash_decimals(const struct rows *rows, idx_t from, idx_t count, uint64_t *hashes) {
	switch (rows->digits_type) {
	case smallint_type:
		HASH_ROWS(int16_t, sketch_hash_wide(v < 0 ? -1 : 0, (uint64_t)(int64_t)v));
	case integer_type:
		HASH_ROWS(int32_t, sketch_hash_wide(v < 0 ? -1 : 0, (uint64_t)(int64_t)v));
	case bigint_type:
		HASH_ROWS(int64_t, sketch_hash_wide(v < 0 ? -1 : 0, (uint64_t)v));
	case hugeint_type:
		HASH_ROWS(struct huge, sketch_hash_wide(v.high, v.low));
	}
	return false;
}

// hash_rows is false for types that have no hash.
static bool hash_rows(const struct rows *rows, idx_t from, idx_t count, uint64_t *hashes) {
	switch (rows->type) {
	case boolean_type:
		HASH_ROWS(uint8_t, sketch_hash_integer(v != 0));
	case tinyint_type:
		HASH_ROWS(int8_t, sketch_hash_integer(v));
	case smallint_type:
		HASH_ROWS(int16_t, sketch_hash_integer(v));
	case integer_type:
	case date_type:
		HASH_ROWS(int32_t, sketch_hash_integer(v));
	case bigint_type:
	case timestamp_type:
	case timestamp_tz_type:
		HASH_ROWS(int64_t, sketch_hash_integer(v));
	case time_type: // jobs have milliseconds
		HASH_ROWS(int64_t, sketch_hash_integer(v / 1000));
	case timestamp_ns_type:
		HASH_ROWS(int64_t, sketch_hash_nanoseconds(v));
	case float_type:
		HASH_ROWS(float, sketch_hash_float(v));
	case double_type:
		HASH_ROWS(double, sketch_hash_float(v));
	case decimal_type:
		return hash_decimals(rows, from, count, hashes);
	case varchar_type:
	case blob_type:
		return hash_texts(rows, from, count, hashes);
	}
	return false;
}

// hashed_at_once is how many rows are hashed before they are added: registers of
// many groups are not in the cache, and are waited for together this way.
enum { hashed_at_once = 256 };

// add_rows gives the text of an error, NULL for none.
static const char *add_rows(const struct rows *rows, duckdb_aggregate_state *states) {
	uint64_t hashes[hashed_at_once];
	for (idx_t from = 0; from < rows->count; from += hashed_at_once) {
		idx_t count = rows->count - from < hashed_at_once ? rows->count - from : hashed_at_once;
		if (!hash_rows(rows, from, count, hashes)) {
			return type_error;
		}
		for (idx_t i = 0; i < count; i++) {
			if (!is_null(rows, from + i) && !sketch_add((struct sketch *)states[from + i], hashes[i])) {
				return sketch_memory_error;
			}
		}
	}
	return NULL;
}

static idx_t state_size(duckdb_function_info info) {
	(void)info;
	return sizeof(struct sketch);
}

static void init_state(duckdb_function_info info, duckdb_aggregate_state state) {
	(void)info;
	*(struct sketch *)state = (struct sketch){0};
}

static void destroy_states(duckdb_aggregate_state *states, idx_t count) {
	for (idx_t i = 0; i < count; i++) {
		sketch_clear((struct sketch *)states[i]);
	}
}

static void update_by_values(duckdb_function_info info, duckdb_data_chunk input, duckdb_aggregate_state *states) {
	struct rows rows = rows_of(input);
	const char *error = add_rows(&rows, states);
	if (error != NULL) {
		duckdb_aggregate_function_set_error(info, error);
	}
}

static void update_by_sketches(duckdb_function_info info, duckdb_data_chunk input, duckdb_aggregate_state *states) {
	struct rows rows = rows_of(input);
	const struct text *stored = rows.values;
	for (idx_t row = 0; row < rows.count; row++) {
		if (!is_null(&rows, row) && !sketch_take((struct sketch *)states[row], (const uint8_t *)bytes_of(&stored[row]), stored[row].length)) {
			duckdb_aggregate_function_set_error(info, sketch_memory_error);
			return;
		}
	}
}

// combine leaves the sources as they are: DuckDB destroys them, or uses them again.
static void combine(duckdb_function_info info, duckdb_aggregate_state *source, duckdb_aggregate_state *target, idx_t count) {
	for (idx_t i = 0; i < count; i++) {
		if (!sketch_merge((struct sketch *)target[i], (const struct sketch *)source[i])) {
			duckdb_aggregate_function_set_error(info, sketch_memory_error);
			return;
		}
	}
}

static void set_null(duckdb_vector vector, idx_t row) {
	duckdb_vector_ensure_validity_writable(vector);
	duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), row);
}

static void show_counts(duckdb_function_info info, duckdb_aggregate_state *source, duckdb_vector result, idx_t count, idx_t offset) {
	(void)info;
	int64_t *counts = duckdb_vector_get_data(result);
	for (idx_t i = 0; i < count; i++) {
		counts[offset + i] = sketch_estimate((const struct sketch *)source[i]);
	}
}

static void show_sketches(duckdb_function_info info, duckdb_aggregate_state *source, duckdb_vector result, idx_t count, idx_t offset) {
	(void)info;
	for (idx_t i = 0; i < count; i++) {
		const struct sketch *s = (const struct sketch *)source[i];
		if (s->refused) {
			set_null(result, offset + i);
			continue;
		}
		uint8_t stored[sketch_stored_max];
		size_t length = sketch_store(s, stored);
		duckdb_vector_assign_string_element_len(result, offset + i, (const char *)stored, length);
	}
}

static void count_stored(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
	struct rows rows = rows_of(input);
	const struct text *stored = rows.values;
	int64_t *counts = duckdb_vector_get_data(output);
	for (idx_t row = 0; row < rows.count; row++) {
		if (is_null(&rows, row)) {
			set_null(output, row);
			continue;
		}
		struct sketch s = {0};
		bool enough = sketch_take(&s, (const uint8_t *)bytes_of(&stored[row]), stored[row].length);
		if (s.refused) {
			set_null(output, row);
		} else {
			counts[row] = sketch_estimate(&s);
		}
		sketch_clear(&s);
		if (!enough) {
			duckdb_scalar_function_set_error(info, sketch_memory_error);
			return;
		}
	}
}

// aggregate is a function as DuckDB is told of it.
struct aggregate {
	const char *name;
	unsigned parameter, result;
	void (*update)(duckdb_function_info info, duckdb_data_chunk input, duckdb_aggregate_state *states);
	void (*show)(duckdb_function_info info, duckdb_aggregate_state *source, duckdb_vector result, idx_t count, idx_t offset);
};

static const struct aggregate aggregates[] = {
	{"tidemark_distinct_count", any_type, bigint_type, update_by_values, show_counts},
	{"tidemark_distinct_sketch", any_type, blob_type, update_by_values, show_sketches},
	{"tidemark_merge_sketches", blob_type, blob_type, update_by_sketches, show_sketches},
};

static bool register_aggregate(duckdb_connection connection, const struct aggregate *a) {
	duckdb_aggregate_function function = duckdb_create_aggregate_function();
	duckdb_logical_type parameter = duckdb_create_logical_type(a->parameter), result = duckdb_create_logical_type(a->result);
	duckdb_aggregate_function_set_name(function, a->name);
	duckdb_aggregate_function_add_parameter(function, parameter);
	duckdb_aggregate_function_set_return_type(function, result);
	duckdb_aggregate_function_set_functions(function, state_size, init_state, a->update, combine, a->show);
	duckdb_aggregate_function_set_destructor(function, destroy_states);
	bool registered = duckdb_register_aggregate_function(connection, function) == 0;
	duckdb_destroy_logical_type(&parameter);
	duckdb_destroy_logical_type(&result);
	duckdb_destroy_aggregate_function(&function);
	return registered;
}

static bool register_count(duckdb_connection connection) {
	duckdb_scalar_function function = duckdb_create_scalar_function();
	duckdb_logical_type parameter = duckdb_create_logical_type(blob_type), result = duckdb_create_logical_type(bigint_type);
	duckdb_scalar_function_set_name(function, "tidemark_sketch_count");
	duckdb_scalar_function_add_parameter(function, parameter);
	duckdb_scalar_function_set_return_type(function, result);
	duckdb_scalar_function_set_function(function, count_stored);
	bool registered = duckdb_register_scalar_function(connection, function) == 0;
	duckdb_destroy_logical_type(&parameter);
	duckdb_destroy_logical_type(&result);
	duckdb_destroy_scalar_function(&function);
	return registered;
}

bool sketch_register(void *connection) {
	bool registered = register_count(connection);
	for (size_t i = 0; i < sizeof aggregates / sizeof *aggregates; i++) {
		registered = register_aggregate(connection, &aggregates[i]) && registered;
	}
	return registered;
}
