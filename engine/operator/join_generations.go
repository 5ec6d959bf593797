package operator

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"

	"tidemark/base/batch"
	"tidemark/engine"
)

// generations is the append-only rows of one side of a join in event time, by
// the generation that their time falls in: rows come and are found by key within
// a generation, and go when their whole generation does.
type generations struct {
	name   byte // of blocks of rows in stored keys; of blocks of pairings it is the capital letter
	whole  bool // there is no key: all rows are in key group 0
	width  int64
	tracks bool // it matters which rows have had a partner
	waits  bool // rows that have had none are asked for with takeDue
	byID   map[int64]*generation
	spare  []*generation // memory of generations that are gone
	recent *generation   // found last
	gone   []storedKey   // stored blocks of generations that are gone
}

// generation is the rows of one stretch of event time: an open-addressing hash
// table whose slots hold 32 bits of the hash beside the latest row of a key;
// rows with the same key are a list. Nothing in it has pointers.
type generation struct {
	id      int64 // its rows' times are in [id*width, (id+1)*width)
	slots   []uint64
	keys    int
	rows    []heldRow
	arena   []byte
	marks   map[uint32]engine.Watermark // of rows that came late
	savedTo int                         // rows before it are stored

	due [dueBuckets][]uint32 // rows without a partner, by parts of the generation; of sides that wait
	// Of sides that track pairings.
	refs   []blockRef  // where each stored row is stored
	turned []uint32    // stored rows that have found a partner since
	blocks []storedKey // what is stored of the generation
}

// heldRow is a row of a generation; its bytes end where those of the next begin.
type heldRow struct {
	at       int64
	start    int
	older    uint32 // 1 + the row with the same key before it; 0 for none
	keyBytes uint32
	isLate   bool // its mark is in marks
	paired   bool // it has had a partner
}

// blockRef is a place in a stored block.
type blockRef struct {
	block    uint64
	position uint32
}

const (
	// dueBuckets is how many parts of a generation are looked through one by
	// one for rows that will find no partner any more.
	dueBuckets = 64
	// spareGenerationsMax is how many generations' memory is kept for new ones.
	spareGenerationsMax = 2
	generationSlotsMin  = 64
	// generationWidthMin is in milliseconds: rows may wait much longer for the
	// watermark than for each other, and generations should not be many.
	generationWidthMin = 1000
)

// generationSeed is secret: users cannot choose keys that collide. It is the same
// for both sides of a join, so that a key is hashed once.
var generationSeed = rand.Uint64()

func generationHash(key []byte) uint64 { return batch.Hash(generationSeed, key) }

// newGenerations makes a side; waits says that rows without a partner are asked
// for, which means that pairings are tracked.
func newGenerations(name byte, whole, waits bool, width int64) *generations {
	return &generations{name: name, whole: whole, tracks: waits, waits: waits, width: max(width, generationWidthMin), byID: map[int64]*generation{}}
}

// of finds or makes the generation of a time.
func (g *generations) of(at int64) *generation {
	id := floorDivide(at, g.width)
	if g.recent != nil && g.recent.id == id {
		return g.recent
	}
	found := g.byID[id]
	if found == nil {
		if n := len(g.spare); n > 0 {
			found, g.spare = g.spare[n-1], g.spare[:n-1]
		} else {
			found = g.allocate()
		}
		found.id = id
		g.byID[id] = found
	}
	g.recent = found
	return found
}

// allocate makes an empty generation with room for as much as the one before.
func (g *generations) allocate() *generation {
	if g.recent == nil {
		return &generation{slots: make([]uint64, generationSlotsMin)}
	}
	rows, bytes := len(g.recent.rows), len(g.recent.arena)
	return &generation{slots: make([]uint64, len(g.recent.slots)), rows: make([]heldRow, 0, rows+rows/8), arena: make([]byte, 0, bytes+bytes/8)}
}

// between appends the generations with rows of times from low to high.
func (g *generations) between(low, high int64, to []*generation) []*generation {
	first, last := floorDivide(low, g.width), floorDivide(high, g.width)
	if last-first >= int64(len(g.byID)) {
		for id, found := range g.byID {
			if id >= first && id <= last {
				to = append(to, found)
			}
		}
		slices.SortFunc(to, func(a, b *generation) int { return cmp.Compare(a.id, b.id) })
		return to
	}
	for id := first; id <= last; id++ {
		if found := g.byID[id]; found != nil {
			to = append(to, found)
		}
	}
	return to
}

// inOrder is the generations in the order of time.
func (g *generations) inOrder() []*generation {
	return slices.SortedFunc(maps.Values(g.byID), func(a, b *generation) int { return cmp.Compare(a.id, b.id) })
}

// add stores a row and returns its number in the generation.
func (g *generations) add(to *generation, hash uint64, key, row []byte, held heldRow, mark engine.Watermark) uint32 {
	number := uint32(len(to.rows))
	held.start, held.keyBytes = len(to.arena), uint32(len(key))
	if held.isLate {
		if to.marks == nil {
			to.marks = map[uint32]engine.Watermark{}
		}
		to.marks[number] = mark
	}
	to.arena = append(to.arena, row...)
	to.rows = append(to.rows, held)
	to.link(hash, number)
	if g.waits && !held.paired {
		bucket := (held.at - to.id*g.width) * dueBuckets / g.width
		to.due[bucket] = append(to.due[bucket], number)
	}
	return number
}

// link makes a row the latest of its key.
func (g *generation) link(hash uint64, number uint32) {
	if 2*(g.keys+1) > len(g.slots) {
		g.grow()
	}
	mask := uint64(len(g.slots) - 1)
	key := g.key(number)
	for at := hash & mask; ; at = (at + 1) & mask {
		slot := g.slots[at]
		if slot == 0 {
			g.keys++
		} else if slot>>32 != hash>>32 || !bytes.Equal(g.key(uint32(slot)-1), key) {
			continue
		}
		g.rows[number].older = uint32(slot)
		g.slots[at] = hash&^(1<<32-1) | uint64(number+1)
		return
	}
}

func (g *generation) grow() {
	old := g.slots
	g.slots = make([]uint64, 2*len(old))
	mask := uint64(len(g.slots) - 1)
	for _, slot := range old {
		if slot == 0 {
			continue
		}
		at := generationHash(g.key(uint32(slot)-1)) & mask
		for g.slots[at] != 0 {
			at = (at + 1) & mask
		}
		g.slots[at] = slot
	}
}

// latest is 1 + the latest row with the key; 0 when there is none.
func (g *generation) latest(hash uint64, key []byte) uint32 {
	mask := uint64(len(g.slots) - 1)
	for at := hash & mask; ; at = (at + 1) & mask {
		slot := g.slots[at]
		if slot == 0 {
			return 0
		}
		if slot>>32 == hash>>32 && bytes.Equal(g.key(uint32(slot)-1), key) {
			return uint32(slot)
		}
	}
}

// key is the key of a row, valid until the next add.
func (g *generation) key(number uint32) []byte {
	r := &g.rows[number]
	return g.arena[r.start : r.start+int(r.keyBytes)]
}

// row is a row in stored form, valid until the next add.
func (g *generation) row(number uint32) []byte {
	end := len(g.arena)
	if int(number)+1 < len(g.rows) {
		end = g.rows[number+1].start
	}
	return g.arena[g.rows[number].start:end]
}

// pair notes that a row has a partner, and reports whether it is the first one.
func (g *generation) pair(number uint32) (first bool) {
	r := &g.rows[number]
	if r.paired {
		return false
	}
	r.paired = true
	if int(number) < g.savedTo {
		g.turned = append(g.turned, number)
	}
	return true
}

// drop forgets a generation.
func (g *generations) drop(gone *generation) {
	delete(g.byID, gone.id)
	if g.recent == gone {
		g.recent = nil
	}
	g.gone = append(g.gone, gone.blocks...)
	if len(g.spare) == spareGenerationsMax {
		return
	}
	clear(gone.slots)
	due := gone.due
	for i := range due {
		due[i] = due[i][:0]
	}
	*gone = generation{slots: gone.slots, rows: gone.rows[:0], arena: gone.arena[:0], refs: gone.refs[:0], due: due}
	g.spare = append(g.spare, gone)
}

// dropUntil forgets the generations all of whose times are before the given one.
func (g *generations) dropUntil(time int64) {
	for id, old := range g.byID {
		if (id+1)*g.width <= time {
			g.drop(old)
		}
	}
}

func (g *generations) group(key []byte) engine.KeyGroup {
	if g.whole {
		return 0
	}
	return engine.GroupOf(key)
}

// A stored generation is blocks, because keys and values of a row each would
// cost ten times as much to write:
//
//	name, generation (8 bytes, big endian, sign bit turned), number (8 bytes)
//	→ rows: time (varint), flags (1 byte: 1 paired, 2 late), of late ones the
//	  mark (varint), length of the key (uvarint), length (uvarint), row
//	capital name, generation, number
//	→ rows that have found a partner since they were stored: number of the block
//	  and position in it (uvarint each)
//
// Numbers are counted for each key group.
const (
	blockKeyBytes = 1 + 8 + 8
	heldPaired    = 1
	heldLate      = 2
)

// blockNumbers is the next block number of each key group.
type blockNumbers [engine.KeyGroups]uint64

func blockKey(name byte, id int64, number uint64) []byte {
	key := binary.BigEndian.AppendUint64([]byte{name}, uint64(id)^1<<63)
	return binary.BigEndian.AppendUint64(key, number)
}

// save writes the rows that are new and the pairings of old ones.
func (g *generations) save(to engine.Changes, numbers *blockNumbers) {
	for _, gone := range g.gone {
		to.Delete(gone.group, gone.key)
	}
	g.gone = g.gone[:0]
	for _, of := range g.byID {
		if len(of.turned) > 0 {
			g.savePairings(of, to, numbers)
		}
		if of.savedTo < len(of.rows) {
			g.saveRows(of, to, numbers)
		}
	}
}

func (g *generations) saveRows(of *generation, to engine.Changes, numbers *blockNumbers) {
	var blocks [engine.KeyGroups][]byte
	var counts [engine.KeyGroups]uint32
	for number := of.savedTo; number < len(of.rows); number++ {
		group := g.group(of.key(uint32(number)))
		if g.tracks {
			of.refs = append(of.refs, blockRef{numbers[group], counts[group]})
		}
		counts[group]++
		blocks[group] = of.appendRow(blocks[group], uint32(number))
	}
	of.savedTo = len(of.rows)
	g.put(of, g.name, blocks, to, numbers)
}

func (g *generations) savePairings(of *generation, to engine.Changes, numbers *blockNumbers) {
	var blocks [engine.KeyGroups][]byte
	for _, number := range of.turned {
		group, ref := g.group(of.key(number)), of.refs[number]
		blocks[group] = binary.AppendUvarint(binary.AppendUvarint(blocks[group], ref.block), uint64(ref.position))
	}
	of.turned = of.turned[:0]
	g.put(of, g.name-'a'+'A', blocks, to, numbers)
}

// put writes the blocks of each key group.
func (g *generations) put(of *generation, name byte, blocks [engine.KeyGroups][]byte, to engine.Changes, numbers *blockNumbers) {
	for group, block := range blocks {
		if block == nil {
			continue
		}
		key := blockKey(name, of.id, numbers[group])
		numbers[group]++
		to.Put(engine.KeyGroup(group), key, block)
		of.blocks = append(of.blocks, storedKey{engine.KeyGroup(group), key})
	}
}

func (g *generation) appendRow(to []byte, number uint32) []byte {
	r := &g.rows[number]
	to = binary.AppendVarint(to, r.at)
	flags := byte(0)
	if r.paired {
		flags |= heldPaired
	}
	if r.isLate {
		flags |= heldLate
	}
	to = append(to, flags)
	if r.isLate {
		to = binary.AppendVarint(to, g.marks[number])
	}
	row := g.row(number)
	to = binary.AppendUvarint(to, uint64(r.keyBytes))
	to = binary.AppendUvarint(to, uint64(len(row)))
	return append(to, row...)
}

// generationLoad is what is known of stored blocks while they are read.
type generationLoad struct {
	first    map[blockRef]uint32 // number of the first row of each block; position is the key group
	pairings []storedPairings
}

type storedPairings struct {
	group engine.KeyGroup
	id    int64
	refs  []byte
}

// load takes a block that save wrote, if it is of this side.
func (g *generations) load(l *generationLoad, group engine.KeyGroup, key, val []byte, numbers *blockNumbers) error {
	if len(key) != blockKeyBytes || key[0]|0x20 != g.name {
		return nil
	}
	id, number := int64(binary.BigEndian.Uint64(key[1:])^1<<63), binary.BigEndian.Uint64(key[9:])
	numbers[group] = max(numbers[group], number+1)
	of := g.of(id * g.width)
	of.blocks = append(of.blocks, storedKey{group, bytes.Clone(key)})
	if key[0] != g.name {
		l.pairings = append(l.pairings, storedPairings{group, id, bytes.Clone(val)})
		return nil
	}
	if l.first == nil {
		l.first = map[blockRef]uint32{}
	}
	l.first[blockRef{number, uint32(group)}] = uint32(len(of.rows))
	for position := uint32(0); len(val) > 0; position++ {
		var err error
		if val, err = g.loadRow(of, val); err != nil {
			return err
		}
		if g.tracks {
			of.refs = append(of.refs, blockRef{number, position})
		}
	}
	of.savedTo = len(of.rows)
	return nil
}

var errHeldRow = errors.New("a block of rows is damaged")

func (g *generations) loadRow(of *generation, val []byte) (rest []byte, err error) {
	next := func() (n int64) {
		n, used := binary.Varint(val)
		if used <= 0 {
			val, err = nil, errHeldRow
			return 0
		}
		val = val[used:]
		return n
	}
	length := func() uint64 {
		n, used := binary.Uvarint(val)
		if used <= 0 || n > uint64(len(val)) {
			val, err = nil, errHeldRow
			return 0
		}
		val = val[used:]
		return n
	}
	held := heldRow{at: next()}
	if len(val) == 0 {
		return nil, errHeldRow
	}
	flags := val[0]
	val = val[1:]
	held.paired, held.isLate = flags&heldPaired != 0, flags&heldLate != 0
	mark := batch.NoMark
	if held.isLate {
		mark = next()
	}
	keyBytes, rowBytes := length(), length()
	if err != nil || keyBytes > rowBytes || rowBytes > uint64(len(val)) || floorDivide(held.at, g.width) != of.id {
		return nil, errHeldRow
	}
	row := val[:rowBytes]
	g.add(of, generationHash(row[:keyBytes]), row[:keyBytes], row, held, mark)
	return val[rowBytes:], nil
}

// finishLoad notes the pairings, and forgets which rows wait that have been
// shown alone at the watermark now: those whose times are before until.
func (g *generations) finishLoad(l *generationLoad, until int64) error {
	for _, p := range l.pairings {
		of := g.byID[p.id]
		for refs := p.refs; len(refs) > 0; {
			block, used := binary.Uvarint(refs)
			if used <= 0 {
				return errHeldRow
			}
			position, more := binary.Uvarint(refs[used:])
			first, known := l.first[blockRef{block, uint32(p.group)}]
			if more <= 0 || !known || uint64(first)+position >= uint64(len(of.rows)) {
				return errHeldRow
			}
			of.rows[uint64(first)+position].paired = true
			refs = refs[used+more:]
		}
	}
	for _, of := range g.byID {
		of.takeDue(g.width, until, func(uint32) {})
	}
	return nil
}

// loadGenerations reads the watermark and the rows of both sides. A row does not
// wait for a partner any more when the watermark is beyond its time and the
// reach of its side.
func loadGenerations(worker engine.Worker, from engine.Saved, sides [2]*generations, numbers *blockNumbers, now *engine.Watermark, reach [2]int64) error {
	if err := loadWatermark(from, now); err != nil {
		return err
	}
	var loads [2]generationLoad
	err := from.Each(worker, func(group engine.KeyGroup, key, val []byte) error {
		for port, side := range sides {
			if err := side.load(&loads[port], group, key, val, numbers); err != nil {
				return err
			}
		}
		return nil
	})
	for port, side := range sides {
		if err == nil {
			err = side.finishLoad(&loads[port], behind(*now, reach[port]))
		}
	}
	return err
}

// takeDue calls f with the rows that have no partner and whose time is before
// until, and does not wait for them any more.
func (g *generation) takeDue(width, until int64, f func(number uint32)) {
	for i := range g.due {
		if g.id*width+floorDivide(int64(i)*width, dueBuckets) >= until {
			return
		}
		waiting := g.due[i][:0]
		for _, number := range g.due[i] {
			switch r := &g.rows[number]; {
			case r.paired:
			case r.at < until:
				f(number)
			default:
				waiting = append(waiting, number)
			}
		}
		g.due[i] = waiting
	}
}
