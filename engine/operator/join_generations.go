package operator

import (
	"cmp"
	"encoding/binary"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"tidemark/base/batch"
	"tidemark/base/memory"
	"tidemark/base/problem"
	"tidemark/engine"
)

// generations is the append-only rows of one side of a join in event time, by
// the generation that their time falls in: rows come and are found by key within
// a generation, and go when their whole generation does.
type generations struct {
	name    byte // of blocks of rows in stored keys; of blocks of pairings it is the capital letter
	whole   bool // there is no key: all rows are in key group 0
	form    *heldForm
	width   int64
	tracks  bool // it matters which rows have had a partner
	waits   bool // rows that have had none are asked for with takeDue
	byID    map[int64]*generation
	free    [][]byte    // blocks of generations that are gone, for new ones
	spare   [][]uint64  // and slots
	dropped int         // keys of the generation that was dropped last
	recent  *generation // found last
	size    int64       // bytes of all blocks and slots
	gone    []storedKey // stored blocks of generations that are gone
	reading heldColumns // scratch of save
	stored  joinRows    // scratch of save
}

// generation is the rows of one stretch of event time: an open-addressing hash
// table whose slots hold 32 bits of the hash beside the place of the latest row of a
// key; rows with the same key are a list. A new key touches a slot and the end of the
// last block. The collector has one pointer a block to follow.
//
// A small table has a sieve, of eight bits for each slot: one of them is set for each
// key. Most keys that are not there fall through it, in a cache that is near.
//
// A row, at a multiple of placeBytes in a block, is
//
//	older     4 bytes  place of the row with the same key before it; 0 for none
//	time      4 bytes  milliseconds since the generation's beginning, and two flags
//	length    uvarint
//	row       in the held form
type generation struct {
	id             int64 // its rows' times are in [id*width, (id+1)*width)
	slots          []uint64
	sieve          []uint64 // nil where there are many slots
	keys           int
	touched        uint64
	blocks         [][]byte
	oldest, newest int64                         // times of rows
	marks          map[rowPlace]engine.Watermark // of rows that came late

	due [dueBuckets][]rowPlace // rows without a partner, by parts of the generation; of sides that wait

	last   rowPlace    // the row that came last
	saved  rowPlace    // the last one that is stored, as are those before it
	stored []storedKey // what is stored of the generation
	// Of sides that track pairings.
	refs   []savedRow // where each stored row is stored, in the order of their places
	turned []rowPlace // stored rows that have found a partner since
}

// rowPlace says where a row of a generation is: the block, and in the lowest placeBits
// how many times placeBytes it is behind the block's beginning. No row is at 0.
type rowPlace uint32

// heldRow is what is known of a row beside its columns.
type heldRow struct {
	at     int64
	mark   engine.Watermark // of rows that came late
	isLate bool
	paired bool // it has had a partner
}

// savedRow says where a row is stored.
type savedRow struct {
	at  rowPlace
	ref blockRef
}

const (
	// dueBuckets is how many parts of a generation are looked through one by
	// one for rows that will find no partner any more.
	dueBuckets = 64
	// touchRows is how many rows' slots are touched at a time: what they lie in is still
	// in the nearest cache, and its addresses too, when they are asked for.
	touchRows          = 256
	generationSlotsMin = 16
	// sieveSlotsMax is how many slots have a sieve, of 64 KiB: the slots themselves are
	// not in the nearest caches then.
	sieveSlotsMax = 1 << 16
	// generationWidthMin and generationWidthMax are in milliseconds: rows may wait
	// much longer for the watermark than for each other, and generations should not
	// be many; times within one have timeBits.
	generationWidthMin = 1000
	generationWidthMax = 1 << timeBits

	// The first block of a generation doubles up to blockBytes, which the others have;
	// a row that needs more has a block of its own. Blocks of that size are no garbage.
	blockBytesMin = 1 << 8
	blockBytes    = placeBytes << placeBits
	blocksMax     = 1 << (32 - placeBits)
	placeBits     = 18
	placeBytes    = 4

	rowHeader  = 8
	timeBits   = 30
	timePaired = 1 << 31
	timeLate   = 1 << 30
	timeOfRow  = timeLate - 1
)

// generationSeed is secret: users cannot choose keys that collide. It is the same
// for both sides of a join, so that a key is hashed once.
var generationSeed = rand.Uint64()

func generationHash(key []byte) uint64 { return batch.Hash(generationSeed, key) }

// newGenerations makes a side; waits says that rows without a partner are asked
// for, which means that pairings are tracked.
func newGenerations(name byte, whole, waits bool, width int64, form *heldForm) *generations {
	g := &generations{name: name, whole: whole, tracks: waits, waits: waits, form: form, byID: map[int64]*generation{}}
	g.width = min(max(width, generationWidthMin), generationWidthMax)
	g.reading.form = form
	return g
}

// of finds or makes the generation of a time.
func (g *generations) of(at int64) *generation {
	// The usual case, without a division.
	if g.recent != nil && uint64(at-g.recent.id*g.width) < uint64(g.width) {
		return g.recent
	}
	id := floorDivide(at, g.width)
	found := g.byID[id]
	if found == nil {
		found = &generation{id: id, oldest: math.MaxInt64, newest: math.MinInt64}
		g.giveSlots(found, slotsFor(g.expected()))
		g.byID[id] = found
	}
	g.recent = found
	return found
}

// expected is how many keys a new generation may have: as many as the largest one.
func (g *generations) expected() int {
	keys := g.dropped
	for _, of := range g.byID {
		keys = max(keys, of.keys)
	}
	return keys
}

// slotsFor is how many slots so many keys have when it is known how many will come:
// at three fifths, most keys that are not there are looked for in one cache line.
func slotsFor(keys int) int { return max(generationSlotsMin, 5*keys/3) }

// isCrowded reports whether a further key needs more slots.
func (g *generation) isCrowded() bool { return 5*(g.keys+1) > 4*len(g.slots) }

// giveSlots gives a generation n free slots, and a sieve if they are not many.
func (g *generations) giveSlots(to *generation, n int) {
	if n > sieveSlotsMax {
		to.slots, to.sieve = g.takeSlots(n), nil
		return
	}
	sieve := (n*8 + 63) / 64
	words := g.takeSlots(n + sieve)
	to.slots, to.sieve = words[:n], words[n:n+sieve:n+sieve]
}

// takeSlots gives n words that are zeros.
func (g *generations) takeSlots(n int) []uint64 {
	for i, slots := range g.spare {
		if cap(slots) >= n && cap(slots) <= 2*n {
			g.spare = slices.Delete(g.spare, i, i+1)
			slots = slots[:n]
			clear(slots)
			return slots
		}
	}
	slots := memory.Take[uint64](n)
	g.size += int64(cap(slots)) * 8
	return slots
}

// releaseSlots takes back slots that are needed no more.
func (g *generations) releaseSlots(slots []uint64) {
	g.size -= int64(cap(slots)) * 8
	memory.Return(slots)
}

// between appends the generations that may have rows of times from low to high, in the
// order of time.
func (g *generations) between(low, high int64, to []*generation) []*generation {
	first, last := floorDivide(low, g.width), floorDivide(high, g.width)
	if last-first >= int64(len(g.byID)) {
		for id, found := range g.byID {
			if id >= first && id <= last && found.has(low, high) {
				to = append(to, found)
			}
		}
		slices.SortFunc(to, func(a, b *generation) int { return cmp.Compare(a.id, b.id) })
		return to
	}
	for id := first; id <= last; id++ {
		if found := g.byID[id]; found != nil && found.has(low, high) {
			to = append(to, found)
		}
	}
	return to
}

// inOrder is the generations in the order of time.
func (g *generations) inOrder() []*generation {
	return slices.SortedFunc(maps.Values(g.byID), func(a, b *generation) int { return cmp.Compare(a.id, b.id) })
}

// add stores a row.
func (g *generations) add(to *generation, hash uint64, key, row []byte, held heldRow) error {
	at, err := g.append(to, row, held)
	if err != nil {
		return err
	}
	if to.isCrowded() {
		g.grow(to)
	}
	to.link(hash, key, at)
	if held.isLate {
		if to.marks == nil {
			to.marks = map[rowPlace]engine.Watermark{}
		}
		to.marks[at] = held.mark
	}
	if g.waits && !held.paired {
		bucket := (held.at - to.id*g.width) * dueBuckets / g.width
		to.due[bucket] = append(to.due[bucket], at)
	}
	return nil
}

// touch looks at the slots of keys that are asked for next, so that their cache misses
// overlap.
func (g *generation) touch(hashes []uint64) {
	touched := uint64(0)
	for _, hash := range hashes {
		touched |= g.slots[g.home(hash)]
	}
	g.touched = touched // what nobody needs is not loaded
}

// likelyRow is a row of which a generation has a row with the same key, or one whose
// hash is nearly the same.
type likelyRow struct {
	row int // number among those under way
	in  *generation
	at  rowPlace
}

// sift appends those of the rows with the hashes that are likely to be there. What it
// looks into is far away: that is touched for all rows first.
func (g *generation) sift(hashes []uint64, to []likelyRow) []likelyRow {
	if g.sieve == nil {
		g.touch(hashes)
	}
	first := len(to)
	for i, hash := range hashes {
		if g.sieve != nil {
			if word, bit := g.hole(hash); g.sieve[word]&bit == 0 {
				continue
			}
		}
		if at := g.likely(hash); at != 0 {
			to = append(to, likelyRow{i, g, at})
		}
	}
	touched := byte(0)
	for _, l := range to[first:] {
		touched |= g.header(l.at)[0]
	}
	g.touched |= uint64(touched)
	return to
}

// likely is the latest row of the first key with nearly the hash; 0 when there is none.
func (g *generation) likely(hash uint64) rowPlace {
	slots := g.slots
	for at := g.home(hash); ; at++ {
		if at == len(slots) {
			at = 0
		}
		if slot := slots[at]; slot == 0 || slot>>32 == hash>>32 {
			return rowPlace(slot)
		}
	}
}

// hole is where a key with the hash falls through the sieve, unless it is there.
func (g *generation) hole(hash uint64) (word int, bit uint64) {
	at := hash >> 32 * (8 * uint64(len(g.slots))) >> 32
	return int(at / 64), 1 << (at % 64)
}

// append writes a row behind the others.
func (g *generations) append(to *generation, row []byte, held heldRow) (rowPlace, error) {
	needed := (rowHeader + binary.MaxVarintLen32 + len(row) + placeBytes - 1) &^ (placeBytes - 1)
	last := len(to.blocks) - 1
	if last < 0 || cap(to.blocks[last])-len(to.blocks[last]) < needed {
		if err := g.makeRoom(to, needed); err != nil {
			return 0, err
		}
		last = len(to.blocks) - 1
	}
	block := to.blocks[last]
	at := rowPlace(last<<placeBits | len(block)/placeBytes)
	time := uint32(held.at - to.id*g.width)
	if held.isLate {
		time |= timeLate
	}
	if held.paired {
		time |= timePaired
	}
	block = binary.LittleEndian.AppendUint64(block, uint64(time)<<32)
	block = append(binary.AppendUvarint(block, uint64(len(row))), row...)
	to.blocks[last] = block[:(len(block)+placeBytes-1)&^(placeBytes-1)]
	to.last, to.oldest, to.newest = at, min(to.oldest, held.at), max(to.newest, held.at)
	return at, nil
}

// makeRoom gives a generation a block with room for so many bytes.
func (g *generations) makeRoom(to *generation, needed int) error {
	switch n := len(to.blocks); {
	case n == 0:
		first := g.block(max(blockBytesMin, needed+placeBytes))
		to.blocks = append(to.blocks, first[:placeBytes]) // no row is at 0
	case n == 1 && len(to.blocks[0])+needed <= blockBytes:
		size := 2 * cap(to.blocks[0])
		for size < len(to.blocks[0])+needed {
			size *= 2
		}
		larger := append(g.block(min(size, blockBytes)), to.blocks[0]...)
		g.releaseBlock(to.blocks[0])
		to.blocks[0] = larger
	case n == blocksMax:
		return problem.New(problem.TooLarge, "the rows of a join within %d ms have more than %d GiB", g.width, blocksMax*blockBytes>>30).
			WithHint("use more workers, or a shorter interval or window")
	default:
		to.blocks = append(to.blocks, g.block(max(blockBytes, needed)))
	}
	return nil
}

// block gives an empty block with room for so many bytes.
func (g *generations) block(size int) []byte {
	if last := len(g.free) - 1; size == blockBytes && last >= 0 {
		b := g.free[last]
		g.free = g.free[:last]
		return b
	}
	g.size += int64(size)
	return memory.Take[byte](size)[:0:size] // rows begin in the first blockBytes
}

// releaseBlock takes back a block that is needed no more.
func (g *generations) releaseBlock(block []byte) {
	if cap(block) == blockBytes && len(g.free) < g.freeMax() {
		g.free = append(g.free, block[:0])
		return
	}
	g.size -= int64(cap(block))
	memory.Return(block)
}

// freeMax is how many blocks are kept for new generations: half of what is in use.
func (g *generations) freeMax() int {
	return 1 + int(g.size/blockBytes)/2
}

// home is the slot that the key with the hash belongs to. It rises with the hash, so
// that a larger table has its keys in the same order.
func (g *generation) home(hash uint64) int { return int(hash >> 32 * uint64(len(g.slots)) >> 32) }

// link makes a row the latest of its key.
func (g *generation) link(hash uint64, key []byte, latest rowPlace) {
	slots := g.slots
	for at := g.home(hash); ; at++ {
		if at == len(slots) {
			at = 0
		}
		slot := slots[at]
		if slot == 0 {
			g.keys++
			g.plug(hash)
		} else if slot>>32 != hash>>32 || !g.hasKey(rowPlace(slot), key) {
			continue
		}
		binary.LittleEndian.PutUint32(g.header(latest), uint32(slot))
		slots[at] = hash&^(1<<32-1) | uint64(latest)
		return
	}
}

// plug notes in the sieve that there is a key with the hash.
func (g *generation) plug(hash uint64) {
	if g.sieve != nil {
		word, bit := g.hole(hash)
		g.sieve[word] |= bit
	}
}

// grow gives a generation twice the slots.
func (g *generations) grow(of *generation) {
	old := of.slots
	g.giveSlots(of, 2*len(old))
	for _, slot := range old {
		if slot == 0 {
			continue
		}
		of.plug(slot)
		at := of.home(slot)
		for of.slots[at] != 0 {
			if at++; at == len(of.slots) {
				at = 0
			}
		}
		of.slots[at] = slot
	}
	g.releaseSlots(old)
}

// latest is the latest row with the key; 0 when there is none.
func (g *generation) latest(hash uint64, key []byte) rowPlace {
	slots := g.slots
	for at := g.home(hash); ; at++ {
		if at == len(slots) {
			at = 0
		}
		slot := slots[at]
		if slot == 0 {
			return 0
		}
		if slot>>32 == hash>>32 && g.hasKey(rowPlace(slot), key) {
			return rowPlace(slot)
		}
	}
}

// has reports whether there may be rows of times from low to high. Inputs that keep
// step with each other mostly ask for times that the other has not come to.
func (g *generation) has(low, high int64) bool { return low <= g.newest && high >= g.oldest }

// header is a row with what is before and all that is behind it.
func (g *generation) header(at rowPlace) []byte {
	return g.blocks[at>>placeBits][at&(1<<placeBits-1)*placeBytes:]
}

// hasKey reports whether a row begins with the key.
func (g *generation) hasKey(at rowPlace, key []byte) bool {
	row := g.row(at)
	return len(row) >= len(key) && string(row[:len(key)]) == string(key)
}

// row is a row in the held form. It stays where it is until the generation is dropped.
func (g *generation) row(at rowPlace) []byte {
	b := g.header(at)[rowHeader:]
	length, used := uint64(b[0]), 1
	if length > 0x7f {
		length, used = binary.Uvarint(b)
	}
	return b[used : used+int(length) : used+int(length)]
}

// older is the row with the same key before a row; 0 for none.
func (g *generation) older(at rowPlace) rowPlace {
	return rowPlace(binary.LittleEndian.Uint32(g.header(at)))
}

// timeOf is a row's time within the generation, and whether it came late.
func (g *generation) timeOf(at rowPlace) (within int64, isLate bool) {
	time := binary.LittleEndian.Uint32(g.header(at)[4:])
	return int64(time & timeOfRow), time&timeLate != 0
}

func (g *generation) isPaired(at rowPlace) bool { return g.header(at)[7]&(timePaired>>24) != 0 }

// next is the row behind a row; 0 for none. Behind 0 is the first one.
func (g *generation) next(at rowPlace) rowPlace {
	block, offset := int(at>>placeBits), placeBytes
	if at != 0 {
		row := g.row(at)
		end := cap(g.blocks[block]) - cap(g.header(at)) + rowHeader + sizedBytes(len(row))
		offset = (end + placeBytes - 1) &^ (placeBytes - 1)
	}
	if block < len(g.blocks) && offset >= len(g.blocks[block]) {
		block, offset = block+1, 0
	}
	if block >= len(g.blocks) {
		return 0
	}
	return rowPlace(block<<placeBits | offset/placeBytes)
}

// sizedBytes is how many bytes a text of n bytes takes behind its length.
func sizedBytes(n int) int {
	var length [binary.MaxVarintLen64]byte
	return binary.PutUvarint(length[:], uint64(n)) + n
}

// pair notes that a row has a partner, and reports whether it is the first one.
func (g *generation) pair(at rowPlace) (first bool) {
	if g.isPaired(at) {
		return false
	}
	g.setPaired(at)
	if at <= g.saved {
		g.turned = append(g.turned, at)
	}
	return true
}

func (g *generation) setPaired(at rowPlace) { g.header(at)[7] |= timePaired >> 24 }

// drop forgets a generation.
func (g *generations) drop(gone *generation) {
	delete(g.byID, gone.id)
	if g.recent == gone {
		g.recent = nil
	}
	g.dropped = gone.keys
	g.gone = append(g.gone, gone.stored...)
	for _, block := range gone.blocks {
		g.releaseBlock(block)
	}
	if len(g.spare) == 0 {
		g.spare = append(g.spare, gone.slots)
		return
	}
	g.releaseSlots(g.spare[0])
	g.spare[0] = gone.slots
}

// dropUntil forgets the generations all of whose times are before the given one.
func (g *generations) dropUntil(time int64) {
	for id, old := range g.byID {
		if (id+1)*g.width <= time {
			g.drop(old)
		}
	}
}

// giveBack forgets all rows and gives their memory back.
func (g *generations) giveBack() {
	for _, of := range g.byID {
		for _, block := range of.blocks {
			memory.Return(block)
		}
		memory.Return(of.slots)
	}
	for _, block := range g.free {
		memory.Return(block)
	}
	for _, slots := range g.spare {
		memory.Return(slots)
	}
	g.byID, g.recent, g.free, g.spare, g.size = nil, nil, nil, nil, 0
}

// held is how many bytes the rows and slots take.
func (g *generations) held() int64 { return g.size }

// takeDue calls f with the rows that have no partner and whose time is before
// until, and does not wait for them any more.
func (g *generation) takeDue(width, until int64, f func(at rowPlace, time int64)) {
	begin := g.id * width
	for i := range g.due {
		if begin+floorDivide(int64(i)*width, dueBuckets) >= until {
			return
		}
		waiting := g.due[i][:0]
		for _, at := range g.due[i] {
			within, _ := g.timeOf(at)
			switch {
			case g.isPaired(at):
			case begin+within < until:
				f(at, begin+within)
			default:
				waiting = append(waiting, at)
			}
		}
		g.due[i] = waiting
	}
}
