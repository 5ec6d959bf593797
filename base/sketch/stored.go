package sketch

import (
	"encoding/binary"
	"errors"
)

// A stored sketch begins with its version, which names hash, registers and form
// together, and one of two forms (docs/formats/sketch.md):
//
//	version:1  0:1  set:uvarint  {step:uvarint run:1}   up to sparseMax registers are set
//	version:1  1:1  run:1 × 4096                        more are
//
// A step is the distance from the register before, the first from -1.
const (
	version    = 2 // 1 hashed byte by byte, and only jobs had it
	sparseForm = 0
	denseForm  = 1
	// sparseMax is how many registers take about half of the bytes of the dense
	// form: beyond it, reading entry by entry costs more than the bytes are worth.
	sparseMax = 1024
)

// errNone is the reason of all refusals: which byte is wrong would help nobody.
var errNone = errors.New("these bytes are no sketch")

// Append appends the sketch in its stored form.
func (s *Sketch) Append(to []byte) []byte {
	set := s.entries
	runs := s.dense
	if runs == nil {
		runs = new([Registers]uint8)
		s.copyTo(runs)
	} else {
		set = count(runs[:])
	}
	if set > sparseMax {
		return append(append(to, version, denseForm), runs[:]...)
	}
	to = binary.AppendUvarint(append(to, version, sparseForm), uint64(set))
	before := -1
	for register, run := range runs {
		if run != 0 {
			to = append(binary.AppendUvarint(to, uint64(register-before)), run)
			before = register
		}
	}
	return to
}

// count is how many of the registers are set.
func count(runs []uint8) (set int) {
	for _, run := range runs {
		if run != 0 {
			set++
		}
	}
	return set
}

// Take merges the stored sketch that from begins with, and returns the bytes
// behind it. Bytes that Append did not write are an error, and change nothing.
func (s *Sketch) Take(from []byte) (rest []byte, err error) {
	length, err := measure(from)
	if err != nil {
		return nil, err
	}
	s.take(from[:length])
	return from[length:], nil
}

// TakeWhole merges a stored sketch that has nothing behind it.
func (s *Sketch) TakeWhole(stored []byte) error {
	if length, err := measure(stored); err != nil || length != len(stored) {
		return errNone
	}
	s.take(stored)
	return nil
}

// take merges a stored sketch that was measured.
func (s *Sketch) take(stored []byte) {
	form, stored := stored[1], stored[2:]
	if form == denseForm {
		s.raiseAll(stored)
		return
	}
	set, n := binary.Uvarint(stored)
	stored = stored[n:]
	register := -1
	for range set {
		step, n := binary.Uvarint(stored)
		register += int(step)
		s.Raise(uint16(register), stored[n])
		stored = stored[n+1:]
	}
}

// measure is how long the stored sketch is that from begins with. It looks at
// every byte of it.
func measure(from []byte) (length int, err error) {
	if len(from) < 2 || from[0] != version {
		return 0, errNone
	}
	switch at := 2; from[1] {
	case denseForm:
		if len(from) < at+Registers {
			return 0, errNone
		}
		runs := from[at : at+Registers]
		for _, run := range runs {
			if run > LongestRun {
				return 0, errNone
			}
		}
		if count(runs) <= sparseMax {
			return 0, errNone
		}
		return at + Registers, nil
	case sparseForm:
		set, n := binary.Uvarint(from[at:])
		if n <= 0 || n != lengthOf(set) || set > sparseMax {
			return 0, errNone
		}
		at += n
		register := -1
		for range set {
			step, n := binary.Uvarint(from[at:])
			if n <= 0 || n != lengthOf(step) || step == 0 || step > Registers {
				return 0, errNone
			}
			at += n
			register += int(step)
			if register >= Registers || at == len(from) || from[at] == 0 || from[at] > LongestRun {
				return 0, errNone
			}
			at++
		}
		return at, nil
	}
	return 0, errNone
}

// lengthOf is how many bytes a uvarint below 1<<14 has, which all of ours are; no
// other length of it is taken.
func lengthOf(v uint64) int {
	if v < 1<<7 {
		return 1
	}
	return 2
}
