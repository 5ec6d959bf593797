#include "sketch.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

// From 3/4 of slots_max registers on there is a byte for each.
enum { slots_min = 4, slots_max = 512 };

// The stored form: docs/formats/sketch.md.
enum { version = 2, sparse_form = 0, dense_form = 1, sparse_max = 1024 };

static atomic_size_t bytes_held, bytes_max;

size_t sketch_bytes_held(void) { return atomic_load(&bytes_held); }

void sketch_limit(size_t max) { atomic_store(&bytes_max, max); }

// allocate gives zeros, or NULL when there is no memory for sketches.
static void *allocate(size_t bytes) {
	void *memory = NULL;
	if (atomic_fetch_add(&bytes_held, bytes) + bytes <= atomic_load(&bytes_max)) {
		memory = calloc(1, bytes);
	}
	if (memory == NULL) {
		atomic_fetch_sub(&bytes_held, bytes);
	}
	return memory;
}

static void release(void *memory, size_t bytes) {
	free(memory);
	atomic_fetch_sub(&bytes_held, bytes);
}

static void release_sparse(struct sketch *s) {
	if (s->sparse != NULL) {
		release(s->sparse, s->slots * sizeof *s->sparse);
	}
	s->sparse = NULL;
	s->slots = s->entries = 0;
}

void sketch_clear(struct sketch *s) {
	release_sparse(s);
	if (s->dense != NULL) {
		release(s->dense, sketch_registers);
	}
	*s = (struct sketch){0};
}

// copy_sparse sets the registers that the sparse table has.
static void copy_sparse(const struct sketch *s, uint8_t *runs) {
	for (unsigned i = 0; i < s->slots; i++) {
		if (s->sparse[i] != 0) {
			runs[s->sparse[i] >> 8] = (uint8_t)s->sparse[i];
		}
	}
}

// spread makes the sketch dense.
static bool spread(struct sketch *s) {
	if (s->dense != NULL) {
		return true;
	}
	uint8_t *dense = allocate(sketch_registers);
	if (dense == NULL) {
		return false;
	}
	copy_sparse(s, dense);
	release_sparse(s);
	s->dense = dense;
	return true;
}

// slot is where a register's entry is in a sparse table, or would be.
static uint32_t *slot(uint32_t *sparse, unsigned slots, unsigned place) {
	unsigned at = place & (slots - 1);
	while (sparse[at] != 0 && sparse[at] >> 8 != place) {
		at = (at + 1) & (slots - 1);
	}
	return &sparse[at];
}

// grow makes room: twice as much, or for every register.
static bool grow(struct sketch *s) {
	if (s->slots == slots_max) {
		return spread(s);
	}
	struct sketch larger = {.entries = s->entries, .refused = s->refused};
	larger.slots = s->slots == 0 ? slots_min : 2 * s->slots;
	larger.sparse = allocate(larger.slots * sizeof *larger.sparse);
	if (larger.sparse == NULL) {
		return false;
	}
	for (unsigned i = 0; i < s->slots; i++) {
		if (s->sparse[i] != 0) {
			*slot(larger.sparse, larger.slots, s->sparse[i] >> 8) = s->sparse[i];
		}
	}
	release_sparse(s);
	*s = larger;
	return true;
}

bool sketch_raise_sparse(struct sketch *s, unsigned place, uint8_t run) {
	uint32_t entry = (uint32_t)place << 8 | run;
	if (s->slots != 0) {
		uint32_t *at = slot(s->sparse, s->slots, place);
		if (*at != 0) {
			if (*at < entry) {
				*at = entry;
			}
			return true;
		}
		if (4 * (s->entries + 1) <= 3 * s->slots) {
			*at = entry;
			s->entries++;
			return true;
		}
	}
	return grow(s) && sketch_raise(s, place, run);
}

// raise_all merges a run for each register, 0 for none.
static bool raise_all(struct sketch *s, const uint8_t *runs) {
	if (!spread(s)) {
		return false;
	}
	for (unsigned i = 0; i < sketch_registers; i++) {
		s->dense[i] = s->dense[i] < runs[i] ? runs[i] : s->dense[i];
	}
	return true;
}

bool sketch_merge(struct sketch *s, const struct sketch *other) {
	s->refused = s->refused || other->refused;
	if (other->dense != NULL) {
		return raise_all(s, other->dense);
	}
	for (unsigned i = 0; i < other->slots; i++) {
		uint32_t entry = other->sparse[i];
		if (entry != 0 && !sketch_raise(s, entry >> 8, (uint8_t)entry)) {
			return false;
		}
	}
	return true;
}

// set_among is how many of the registers are set.
static unsigned set_among(const uint8_t *runs) {
	unsigned set = 0;
	for (unsigned i = 0; i < sketch_registers; i++) {
		set += runs[i] != 0;
	}
	return set;
}

// store_number writes a number below 1<<14 as a uvarint.
static size_t store_number(uint8_t *to, unsigned v) {
	if (v < 1 << 7) {
		to[0] = (uint8_t)v;
		return 1;
	}
	to[0] = (uint8_t)(v | 0x80);
	to[1] = (uint8_t)(v >> 7);
	return 2;
}

size_t sketch_store(const struct sketch *s, uint8_t to[sketch_stored_max]) {
	uint8_t copied[sketch_registers] = {0};
	const uint8_t *runs = s->dense;
	if (runs == NULL) {
		copy_sparse(s, copied);
		runs = copied;
	}
	unsigned set = set_among(runs);
	to[0] = version;
	if (set > sparse_max) {
		to[1] = dense_form;
		memcpy(to + 2, runs, sketch_registers);
		return sketch_stored_max;
	}
	to[1] = sparse_form;
	size_t length = 2 + store_number(to + 2, set);
	int before = -1;
	for (int i = 0; i < sketch_registers; i++) {
		if (runs[i] != 0) {
			length += store_number(to + length, (unsigned)(i - before));
			to[length++] = runs[i];
			before = i;
		}
	}
	return length;
}

// reader reads a stored sketch from at to end. valid turns false for good where a
// byte is missing or breaks a rule.
struct reader {
	const uint8_t *at, *end;
	bool valid;
};

static unsigned read_byte(struct reader *r) {
	if (r->at == r->end) {
		r->valid = false;
		return 0;
	}
	return *r->at++;
}

// read_number reads what store_number wrote.
static unsigned read_number(struct reader *r) {
	unsigned low = read_byte(r);
	if (low < 0x80) {
		return low;
	}
	unsigned high = read_byte(r);
	r->valid = r->valid && high != 0 && high < 0x80;
	return (low & 0x7f) | high << 7;
}

// sketch_take reads the bytes twice: nothing is merged of what turns out to be no
// sketch.
bool sketch_take(struct sketch *s, const uint8_t *stored, size_t length) {
	struct reader r = {.at = stored, .end = stored + length, .valid = true};
	r.valid = read_byte(&r) == version;
	unsigned form = read_byte(&r);
	if (r.valid && form == dense_form && length == sketch_stored_max) {
		bool in_range = true;
		for (unsigned i = 0; i < sketch_registers; i++) {
			in_range = in_range && r.at[i] <= sketch_longest_run;
		}
		if (in_range && set_among(r.at) > sparse_max) {
			return raise_all(s, r.at);
		}
		s->refused = true;
		return true;
	}
	unsigned set = read_number(&r);
	r.valid = r.valid && form == sparse_form && set <= sparse_max;
	struct reader again = r;
	int place = -1;
	for (unsigned i = 0; i < set && r.valid; i++) {
		unsigned step = read_number(&r), run = read_byte(&r);
		place += (int)step;
		r.valid = r.valid && step >= 1 && place < sketch_registers && run >= 1 && run <= sketch_longest_run;
	}
	if (!r.valid || r.at != r.end) {
		s->refused = true;
		return true;
	}
	place = -1;
	for (unsigned i = 0; i < set; i++) {
		place += (int)read_number(&again);
		if (!sketch_raise(s, (unsigned)place, (uint8_t)read_byte(&again))) {
			return false;
		}
	}
	return true;
}

static double sigma(double x) {
	if (x == 1) {
		return INFINITY;
	}
	double sum = x, power = 1, before;
	do {
		x *= x;
		before = sum;
		sum += x * power;
		power += power;
	} while (sum != before);
	return sum;
}

static double tau(double x) {
	if (x == 0 || x == 1) {
		return 0;
	}
	double sum = 1 - x, power = 1, before;
	do {
		x = sqrt(x);
		before = sum;
		power *= 0.5;
		double square = (1 - x) * (1 - x);
		sum -= square * power;
	} while (sum != before);
	return sum / 3;
}

int64_t sketch_estimate(const struct sketch *s) {
	unsigned with[sketch_longest_run + 1] = {0}; // how many registers have a run
	if (s->dense != NULL) {
		for (unsigned i = 0; i < sketch_registers; i++) {
			with[s->dense[i]]++;
		}
	} else {
		with[0] = sketch_registers - s->entries;
		for (unsigned i = 0; i < s->slots; i++) {
			if (s->sparse[i] != 0) {
				with[(uint8_t)s->sparse[i]]++;
			}
		}
	}
	const double registers = sketch_registers;
	const double scale = 0x1.71547652b82fep+23; // registers² / (2 ln 2)
	double z = registers * tau(1 - with[sketch_longest_run] / registers);
	for (int run = sketch_longest_run - 1; run >= 1; run--) {
		z = 0.5 * (z + with[run]);
	}
	z += registers * sigma(with[0] / registers);
	return (int64_t)floor(scale / z + 0.5);
}
