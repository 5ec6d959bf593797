package function

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"tidemark/base/batch"
	"tidemark/plan"
)

// sketch estimates how many different values were added, with a HyperLogLog of
// 4096 registers (standard error 1.6 %). A register holds the longest run of
// zeros, plus one, seen in the hashes that start with its number. While few
// registers are set they are kept as a sorted list, which is small and, since
// almost every value has its own register, almost exact.
type sketch struct {
	sparse []uint32 // register<<8 | run, ascending; used while dense is nil
	dense  []uint8  // one run per register
}

const (
	sketchBits      = 12
	sketchRegisters = 1 << sketchBits
	// sparseMax is where a list of 4-byte entries is as large as the registers.
	sparseMax = sketchRegisters / 4

	sketchVersion = 1
	sketchSparse  = 0
	sketchDense   = 1
)

func (s *sketch) add(hash uint64) {
	register := uint32(hash >> (64 - sketchBits))
	run := uint8(bits.LeadingZeros64(hash<<sketchBits|1<<(sketchBits-1)) + 1)
	s.raise(register, run)
}

func (s *sketch) raise(register uint32, run uint8) {
	if s.dense != nil {
		s.dense[register] = max(s.dense[register], run)
		return
	}
	at, _ := slices.BinarySearch(s.sparse, register<<8)
	if at < len(s.sparse) && s.sparse[at]>>8 == register {
		s.sparse[at] = max(s.sparse[at], register<<8|uint32(run))
		return
	}
	if len(s.sparse) < sparseMax {
		s.sparse = slices.Insert(s.sparse, at, register<<8|uint32(run))
		return
	}
	s.dense = make([]uint8, sketchRegisters)
	for _, e := range s.sparse {
		s.dense[e>>8] = uint8(e)
	}
	s.sparse = nil
	s.raise(register, run)
}

func (s *sketch) merge(o *sketch) {
	for _, e := range o.sparse {
		s.raise(e>>8, uint8(e))
	}
	for register, run := range o.dense {
		if run > 0 {
			s.raise(uint32(register), run)
		}
	}
}

// estimate is Ertl's improved estimator: without tables and without the bias
// that the original has between its two ranges.
func (s *sketch) estimate() int64 {
	const longest = 64 - sketchBits + 1
	var histogram [longest + 1]float64
	if s.dense == nil {
		histogram[0] = float64(sketchRegisters - len(s.sparse))
		for _, e := range s.sparse {
			histogram[uint8(e)]++
		}
	} else {
		for _, run := range s.dense {
			histogram[run]++
		}
	}
	const m = float64(sketchRegisters)
	z := m * tau(1-histogram[longest]/m)
	for k := longest - 1; k >= 1; k-- {
		z = 0.5 * (z + histogram[k])
	}
	z += m * sigma(histogram[0]/m)
	return int64(math.Round(m * m / (2 * math.Ln2 * z)))
}

func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	sum, power := x, 1.0
	for {
		x *= x
		before := sum
		sum += x * power
		power += power
		if sum == before {
			return sum
		}
	}
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	sum, power := 1-x, 1.0
	for {
		x = math.Sqrt(x)
		before := sum
		power *= 0.5
		sum -= (1 - x) * (1 - x) * power
		if sum == before {
			return sum / 3
		}
	}
}

// encode appends the stored form, version 1:
//
//	byte     version, 1
//	byte     0 sparse, 1 dense
//	sparse:  uvarint count, then per entry uvarint register - previous, byte run
//	dense:   4096 bytes, one run per register
//
// Registers are the top 12 bits of stableHash of a value's key, runs count from
// 1 in the 52 bits below.
func (s *sketch) encode(to []byte) []byte {
	if s.dense != nil {
		return append(append(to, sketchVersion, sketchDense), s.dense...)
	}
	to = append(to, sketchVersion, sketchSparse)
	to = binary.AppendUvarint(to, uint64(len(s.sparse)))
	previous := uint32(0)
	for _, e := range s.sparse {
		to = binary.AppendUvarint(to, uint64(e>>8-previous))
		to = append(to, uint8(e))
		previous = e >> 8
	}
	return to
}

func decodeSketch(from []byte) (s sketch, rest []byte, err error) {
	if len(from) < 2 || from[0] != sketchVersion {
		return sketch{}, nil, damaged()
	}
	kind := from[1]
	from = from[2:]
	if kind == sketchDense {
		if len(from) < sketchRegisters {
			return sketch{}, nil, damaged()
		}
		s.dense = slices.Clone(from[:sketchRegisters])
		return s, from[sketchRegisters:], validRuns(s.dense)
	}
	n, from, err := readUvarint(from)
	if err != nil || n > sparseMax || kind != sketchSparse {
		return sketch{}, nil, damaged()
	}
	register := uint64(0)
	for range n {
		var step uint64
		if step, from, err = readUvarint(from); err != nil {
			return sketch{}, nil, err
		}
		register += step
		if len(from) == 0 || register >= sketchRegisters || validRuns(from[:1]) != nil {
			return sketch{}, nil, damaged()
		}
		s.sparse = append(s.sparse, uint32(register)<<8|uint32(from[0]))
		from = from[1:]
	}
	return s, from, nil
}

func validRuns(runs []uint8) error {
	for _, run := range runs {
		if run > 64-sketchBits+1 {
			return damaged()
		}
	}
	return nil
}

// stableHash is a 64-bit hash that never changes: FNV-1a, its bits then mixed,
// since a sketch needs all of them to be good.
func stableHash(key []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range key {
		h = (h ^ uint64(c)) * 1099511628211
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// approximateCount is APPROX_COUNT_DISTINCT where nothing is taken back.
type approximateCount struct {
	sketches []sketch
	held     int64 // bytes of what the sketches point to
	key      []byte
}

// newApproximateCount counts exactly where rows may be taken back: a sketch
// cannot forget.
func newApproximateCount(ctx *plan.Context) plan.Accumulator {
	if ctx != nil && ctx.Retracts {
		return &distinctCount{bag: newBag()}
	}
	return &approximateCount{}
}

func (s *approximateCount) Resize(n int) { s.sketches = grown(s.sketches, n) }

func (s *approximateCount) Update(groups []uint32, args []*batch.Column, retract []bool) {
	appendOnly(retract)
	for i, g := range groups {
		if !args[0].IsNull(i) {
			s.key = appendKey(s.key[:0], args[0], i)
			k := &s.sketches[g]
			before := k.held()
			k.add(stableHash(s.key))
			s.held += k.held() - before
		}
	}
}

// change has a sketch changed, and keeps count of its memory.
func (s *approximateCount) change(group uint32, do func(*sketch)) {
	k := &s.sketches[group]
	s.held -= k.held()
	do(k)
	s.held += k.held()
}

// held is how many bytes the sketch points to.
func (s *sketch) held() int64 { return int64(4*cap(s.sparse) + cap(s.dense)) }

func (s *approximateCount) Merge(into []uint32, other plan.Accumulator, from []uint32) {
	o := other.(*approximateCount)
	for i, g := range into {
		s.change(g, func(k *sketch) { k.merge(&o.sketches[from[i]]) })
	}
}

func (s *approximateCount) Result(groups []uint32, out *batch.Column) {
	for i, g := range groups {
		out.Ints[i] = s.sketches[g].estimate()
	}
}

func (s *approximateCount) Encode(group uint32, to []byte) []byte {
	return s.sketches[group].encode(to)
}

func (s *approximateCount) Decode(group uint32, from []byte) (rest []byte, err error) {
	s.change(group, func(k *sketch) { *k, rest, err = decodeSketch(from) })
	return rest, err
}

func (s *approximateCount) Clear(group uint32) {
	s.change(group, func(k *sketch) { *k = sketch{} })
}
