// A sketch of different values in C: the same hashes, registers, bytes and
// estimates as package base/sketch, where they are explained. Tests hold both
// together.
//
// A sketch is used by one thread at a time. Functions that return false had no
// memory, or would have gone beyond sketch_limit: the sketch is then as it
// was, or has some of the values.
#ifndef TIDEMARK_SKETCH_H
#define TIDEMARK_SKETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
	sketch_register_bits = 12,
	sketch_registers = 1 << sketch_register_bits,
	sketch_longest_run = 64 - sketch_register_bits + 1,
	sketch_stored_max = 2 + sketch_registers, // bytes
};

// A sketch of zeros is of no value, and holds no memory.
struct sketch {
	uint8_t *dense;   // a run for each register; NULL while there are few
	uint32_t *sparse; // register<<8 | run by the low bits of the register, 0 is free; NULL where dense is not
	uint16_t slots;   // of sparse
	uint16_t entries; // of sparse
	bool refused;     // one of the sketches that were to be merged is none
};

static inline uint64_t sketch_seed(uint64_t length) { return (length + 1) * 0x9e3779b97f4a7c15u; }

static inline uint64_t sketch_mix(uint64_t x) {
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdu;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53u;
	return x ^ x >> 33;
}

static inline uint64_t sketch_hash_integer(int64_t v) { return sketch_mix(sketch_seed(8) ^ (uint64_t)v); }

static inline uint64_t sketch_hash_float(double v) {
	int64_t bits = 0x7ff8000000000000; // of all NaN
	if (v == v) {
		memcpy(&bits, &v, sizeof bits);
	}
	return sketch_hash_integer(bits);
}

static inline uint64_t sketch_hash_wide(int64_t high, uint64_t low) {
	return sketch_mix(sketch_mix(sketch_seed(16) ^ low) ^ (uint64_t)high);
}

static inline uint64_t sketch_hash_nanoseconds(int64_t v) {
	return v % 1000 == 0 ? sketch_hash_integer(v / 1000) : sketch_hash_wide(v >> 63, (uint64_t)v);
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are read as they are in memory");

static inline uint64_t sketch_word(const char *bytes) {
	uint64_t word;
	memcpy(&word, bytes, sizeof word);
	return word;
}

// sketch_short_word is up to 7 bytes, filled up with zeros. They are put together
// from loads that overlap: a copy of them in memory could not be loaded before all
// stores in front of it, such as that to the register of the row before.
static inline uint64_t sketch_short_word(const char *bytes, size_t length) {
	const uint8_t *b = (const uint8_t *)bytes;
	if (length >= 4) {
		uint32_t first, last;
		memcpy(&first, b, sizeof first);
		memcpy(&last, b + length - 4, sizeof last);
		return first | (uint64_t)last << (8 * (length - 4));
	}
	if (length == 0) {
		return 0;
	}
	return b[0] | (uint64_t)b[length / 2] << (8 * (length / 2)) | (uint64_t)b[length - 1] << (8 * (length - 1));
}

static inline uint64_t sketch_hash_bytes(const char *bytes, size_t length) {
	uint64_t hash = sketch_seed(length);
	if (length < 8) {
		return sketch_mix(hash ^ sketch_short_word(bytes, length));
	}
	const char *end = bytes + length;
	for (; end - bytes > 8; bytes += 8) {
		hash = sketch_mix(hash ^ sketch_word(bytes));
	}
	return sketch_mix(hash ^ sketch_word(end - 8) >> (8 * (8 - (end - bytes))));
}

// sketch_raise_sparse is sketch_raise for a sketch that is not dense.
bool sketch_raise_sparse(struct sketch *s, unsigned place, uint8_t run);

// sketch_raise sets a register to the run, unless it has a longer one.
static inline bool sketch_raise(struct sketch *s, unsigned place, uint8_t run) {
	if (s->dense == NULL) {
		return sketch_raise_sparse(s, place, run);
	}
	if (s->dense[place] < run) {
		s->dense[place] = run;
	}
	return true;
}

// sketch_add takes in a value by its hash.
static inline bool sketch_add(struct sketch *s, uint64_t hash) {
	uint64_t behind = hash << sketch_register_bits | (uint64_t)1 << (sketch_register_bits - 1);
	return sketch_raise(s, (unsigned)(hash >> (64 - sketch_register_bits)), (uint8_t)(__builtin_clzll(behind) + 1));
}

// sketch_merge takes in all that another sketch has.
bool sketch_merge(struct sketch *s, const struct sketch *other);

// sketch_take takes in a stored sketch. Bytes that are none mark it as refused.
bool sketch_take(struct sketch *s, const uint8_t *stored, size_t length);

// sketch_store writes the stored form and gives its length.
size_t sketch_store(const struct sketch *s, uint8_t to[sketch_stored_max]);

// sketch_estimate is about how many different values there are.
int64_t sketch_estimate(const struct sketch *s);

// sketch_clear gives the memory back: the sketch is of no value.
void sketch_clear(struct sketch *s);

// sketch_bytes_held is the memory of all sketches of the process, sketch_limit how
// much that may be; 0 at first.
size_t sketch_bytes_held(void);
void sketch_limit(size_t bytes_max);

#endif
