// Package sketch estimates how many different values there are, with a
// HyperLogLog of 4096 registers: a standard error of 1.04/√4096 = 1.6 %.
//
// It is not the function APPROX_COUNT_DISTINCT (that is plan/function in a job
// and C code of store/olap in a question, which does the same as this package:
// its tests hold both together), and it forgets no value.
//
// Flow: a value → Hash… → Place, a register and a run → Sketch.Raise, or
// Sketch.Add for all of it → Estimate, or Append to keep the sketch. Kept
// sketches are taken together by Take.
//
// Invariants:
//  1. A sketch is its registers: the order of values, repeats, and how sketches
//     were merged change neither its estimate nor its bytes.
//  2. A set of registers has one stored form, docs/formats/sketch.md, and Take
//     refuses all others.
//  3. Estimate is the same on every machine, to the last bit.
package sketch

// The shape of a sketch.
const (
	Registers    = 1 << registerBits
	LongestRun   = 64 - registerBits + 1 // a hash whose bits behind the register are all 0
	registerBits = 12
)

// Sizes of the table that stands for the registers while few are set. From 385
// registers on there is a byte for each: less memory would make adding slower.
const (
	slotsMin = 4
	slotsMax = 512
)

// Sketch is a set of values, as far as it is remembered. The zero Sketch is of
// none. It is used by one goroutine at a time, and not copied once it is used.
type Sketch struct {
	// dense has a run for each register; nil while there are few.
	dense *[Registers]uint8
	// sparse has the registers that are set, as register<<8|run: an open-addressing
	// table by the register's low bits, a power of two long and at most 3/4 full. 0
	// is free. It is nil when there is none, and when there is dense.
	sparse  []uint32
	entries int // of sparse
}

// Add takes in a value by its hash.
func (s *Sketch) Add(hash uint64) {
	register, run := Place(hash)
	s.Raise(register, run)
}

// Raise sets a register to the run unless it has a longer one. The run is 1 to
// LongestRun.
func (s *Sketch) Raise(register uint16, run uint8) {
	if s.dense != nil {
		s.dense[register] = max(s.dense[register], run)
		return
	}
	if s.raiseSparse(register, run) {
		return
	}
	s.grow()
	s.Raise(register, run)
}

// raiseSparse is false when the register has no entry, and there is no room.
func (s *Sketch) raiseSparse(register uint16, run uint8) bool {
	entry := uint32(register)<<8 | uint32(run)
	if len(s.sparse) == 0 {
		return false
	}
	mask := len(s.sparse) - 1
	at := int(register) & mask
	for ; s.sparse[at] != 0; at = (at + 1) & mask {
		if uint16(s.sparse[at]>>8) == register {
			s.sparse[at] = max(s.sparse[at], entry)
			return true
		}
	}
	if 4*(s.entries+1) > 3*len(s.sparse) {
		return false
	}
	s.sparse[at] = entry
	s.entries++
	return true
}

// grow makes room: twice as much, or for every register.
func (s *Sketch) grow() {
	if len(s.sparse) == slotsMax {
		s.spread()
		return
	}
	before := s.sparse
	s.sparse, s.entries = make([]uint32, max(slotsMin, 2*len(before))), 0
	for _, entry := range before {
		if entry != 0 {
			s.raiseSparse(uint16(entry>>8), uint8(entry))
		}
	}
}

// Merge takes in all that other has.
func (s *Sketch) Merge(other *Sketch) {
	for _, entry := range other.sparse {
		if entry != 0 {
			s.Raise(uint16(entry>>8), uint8(entry))
		}
	}
	if other.dense != nil {
		s.raiseAll(other.dense[:])
	}
}

// raiseAll merges a run for each register, 0 for none.
func (s *Sketch) raiseAll(runs []uint8) {
	s.spread()
	for register, run := range runs[:Registers] {
		s.dense[register] = max(s.dense[register], run)
	}
}

// spread makes the sketch dense.
func (s *Sketch) spread() {
	if s.dense != nil {
		return
	}
	s.dense = new([Registers]uint8)
	s.copyTo(s.dense)
	s.sparse, s.entries = nil, 0
}

// copyTo sets the registers that the sparse table has.
func (s *Sketch) copyTo(runs *[Registers]uint8) {
	for _, entry := range s.sparse {
		if entry != 0 {
			runs[entry>>8] = uint8(entry)
		}
	}
}

// Run is that of a register, 0 while it is not set.
func (s *Sketch) Run(register uint16) uint8 {
	if s.dense != nil {
		return s.dense[register]
	}
	if len(s.sparse) == 0 {
		return 0
	}
	mask := len(s.sparse) - 1
	for at := int(register) & mask; s.sparse[at] != 0; at = (at + 1) & mask {
		if uint16(s.sparse[at]>>8) == register {
			return uint8(s.sparse[at])
		}
	}
	return 0
}

// Each calls f with every register that is set. f must not change the sketch.
func (s *Sketch) Each(f func(register uint16, run uint8)) {
	for _, entry := range s.sparse {
		if entry != 0 {
			f(uint16(entry>>8), uint8(entry))
		}
	}
	if s.dense == nil {
		return
	}
	for register, run := range s.dense {
		if run != 0 {
			f(uint16(register), run)
		}
	}
}

// Held is how many bytes of memory the sketch points to.
func (s *Sketch) Held() int64 {
	held := int64(4 * cap(s.sparse))
	if s.dense != nil {
		held += Registers
	}
	return held
}
