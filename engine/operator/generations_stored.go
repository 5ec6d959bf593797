package operator

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	"tidemark/base/batch"
	"tidemark/engine"
)

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
// Rows are stored in key form. Numbers are counted for each key group.
const (
	blockKeyBytes = 1 + 8 + 8
	heldPaired    = 1
	heldLate      = 2
)

// blockRef is a place in a stored block.
type blockRef struct {
	block    uint64
	position uint32
}

// blockNumbers is the next block number of each key group.
type blockNumbers [engine.KeyGroups]uint64

func blockKey(name byte, id int64, number uint64) []byte {
	key := binary.BigEndian.AppendUint64([]byte{name}, uint64(id)^1<<63)
	return binary.BigEndian.AppendUint64(key, number)
}

// save writes the rows that are new and the pairings of old ones.
func (g *generations) save(to engine.Changes, numbers *blockNumbers) error {
	for _, gone := range g.gone {
		to.Delete(gone.group, gone.key)
	}
	g.gone = g.gone[:0]
	for _, of := range g.byID {
		if len(of.turned) > 0 {
			if err := g.savePairings(of, to, numbers); err != nil {
				return err
			}
		}
		if of.saved != of.last {
			if err := g.saveRows(of, to, numbers); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *generations) group(key []byte) engine.KeyGroup {
	if g.whole {
		return 0
	}
	return engine.GroupOf(key)
}

// eachStored calls f with rows in key form, some at a time.
func (g *generations) eachStored(of *generation, places []rowPlace, f func(at rowPlace, row, key []byte)) error {
	for part := range slices.Chunk(places, batch.MaxRows) {
		g.reading.clear()
		for _, at := range part {
			within, _ := of.timeOf(at)
			if err := g.reading.add(of.row(at), of.id*g.width+within); err != nil {
				return err
			}
		}
		columns, err := g.reading.columns()
		if err != nil {
			return err
		}
		g.form.input.encode(&g.stored, &batch.Batch{Rows: len(part), Columns: columns})
		for i, at := range part {
			f(at, g.stored.row(i), g.stored.key(i))
		}
	}
	return nil
}

func (g *generations) saveRows(of *generation, to engine.Changes, numbers *blockNumbers) error {
	var blocks [engine.KeyGroups][]byte
	var counts [engine.KeyGroups]uint32
	var places []rowPlace
	for at := of.next(of.saved); at != 0; at = of.next(at) {
		places = append(places, at)
	}
	err := g.eachStored(of, places, func(at rowPlace, row, key []byte) {
		group := g.group(key)
		if g.tracks {
			of.refs = append(of.refs, savedRow{at, blockRef{numbers[group], counts[group]}})
		}
		counts[group]++
		blocks[group] = g.appendStored(blocks[group], of, at, row, key)
	})
	if err != nil {
		return err
	}
	of.saved = of.last
	g.put(of, g.name, blocks, to, numbers)
	return nil
}

func (g *generations) savePairings(of *generation, to engine.Changes, numbers *blockNumbers) error {
	var blocks [engine.KeyGroups][]byte
	err := g.eachStored(of, of.turned, func(at rowPlace, _, key []byte) {
		i, _ := slices.BinarySearchFunc(of.refs, at, func(r savedRow, at rowPlace) int { return int(r.at) - int(at) })
		group, ref := g.group(key), of.refs[i].ref
		blocks[group] = binary.AppendUvarint(binary.AppendUvarint(blocks[group], ref.block), uint64(ref.position))
	})
	of.turned = of.turned[:0]
	g.put(of, g.name-'a'+'A', blocks, to, numbers)
	return err
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
		of.stored = append(of.stored, storedKey{engine.KeyGroup(group), key})
	}
}

func (g *generations) appendStored(to []byte, of *generation, at rowPlace, row, key []byte) []byte {
	within, isLate := of.timeOf(at)
	to = binary.AppendVarint(to, of.id*g.width+within)
	flags := byte(0)
	if of.isPaired(at) {
		flags |= heldPaired
	}
	if isLate {
		flags |= heldLate
	}
	to = append(to, flags)
	if isLate {
		to = binary.AppendVarint(to, of.marks[at])
	}
	to = binary.AppendUvarint(to, uint64(len(key)))
	return appendSized(to, row)
}

// generationLoad is what is known of stored blocks while they are read.
type generationLoad struct {
	refs     map[storedRef]rowPlace
	pairings []storedPairings
	rows     storedRows
}

// storedRef is where a row is stored, of all key groups.
type storedRef struct {
	group engine.KeyGroup
	ref   blockRef
}

type storedPairings struct {
	group engine.KeyGroup
	id    int64
	refs  []byte
}

// storedRows is the rows of a stored block.
type storedRows struct {
	held    []heldRow
	columns []*batch.Column // as they are stored
	encoded joinRows
}

// load takes a block that save wrote, if it is of this side.
func (g *generations) load(l *generationLoad, group engine.KeyGroup, key, val []byte, numbers *blockNumbers) error {
	if len(key) != blockKeyBytes || key[0]|0x20 != g.name {
		return nil
	}
	id, number := int64(binary.BigEndian.Uint64(key[1:])^1<<63), binary.BigEndian.Uint64(key[9:])
	numbers[group] = max(numbers[group], number+1)
	of := g.of(id * g.width)
	of.stored = append(of.stored, storedKey{group, bytes.Clone(key)})
	if key[0] != g.name {
		l.pairings = append(l.pairings, storedPairings{group, id, bytes.Clone(val)})
		return nil
	}
	if l.refs == nil {
		l.refs = map[storedRef]rowPlace{}
	}
	for position := uint32(0); len(val) > 0; {
		var err error
		if val, err = g.readRows(&l.rows, of, val); err != nil {
			return err
		}
		for i, held := range l.rows.held {
			key := l.rows.encoded.key(i)
			if err := g.add(of, generationHash(key), key, l.rows.encoded.row(i), held); err != nil {
				return err
			}
			if g.tracks {
				ref := blockRef{number, position}
				l.refs[storedRef{group, ref}] = of.last
				of.refs = append(of.refs, savedRow{of.last, ref})
			}
			position++
		}
	}
	of.saved = of.last
	return nil
}

var errHeldRow = errors.New("a block of rows is damaged")

// readRows reads up to a batch of stored rows into the held form.
func (g *generations) readRows(r *storedRows, of *generation, val []byte) (rest []byte, err error) {
	r.held, r.columns = r.held[:0], columnsOf(g.form.input.stored, 0)
	for len(val) > 0 && len(r.held) < batch.MaxRows {
		var held heldRow
		var row []byte
		if held, row, val, err = cutStored(val); err != nil {
			return nil, err
		}
		if floorDivide(held.at, g.width) != of.id {
			return nil, errHeldRow
		}
		if behind, err := batch.AppendRow(r.columns, row); err != nil || len(behind) > 0 {
			return nil, errHeldRow
		}
		r.held = append(r.held, held)
	}
	rows := &batch.Batch{Rows: len(r.held), Columns: make([]*batch.Column, len(r.columns))}
	for column, place := range g.form.input.place {
		rows.Columns[column] = r.columns[place]
	}
	g.form.encode(&r.encoded, rows)
	return val, nil
}

// cutStored cuts one row off what appendStored wrote.
func cutStored(val []byte) (held heldRow, row, rest []byte, err error) {
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
	held.at = next()
	if len(val) == 0 {
		return held, nil, nil, errHeldRow
	}
	flags := val[0]
	val = val[1:]
	held.paired, held.isLate, held.mark = flags&heldPaired != 0, flags&heldLate != 0, batch.NoMark
	if held.isLate {
		held.mark = next()
	}
	keyBytes, rowBytes := length(), length()
	if err != nil || keyBytes > rowBytes || rowBytes > uint64(len(val)) {
		return held, nil, nil, errHeldRow
	}
	return held, val[:rowBytes], val[rowBytes:], nil
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
			at, known := l.refs[storedRef{p.group, blockRef{block, uint32(position)}}]
			if more <= 0 || !known {
				return errHeldRow
			}
			of.setPaired(at)
			refs = refs[used+more:]
		}
	}
	for _, of := range g.byID {
		of.takeDue(g.width, until, func(rowPlace, int64) {})
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
