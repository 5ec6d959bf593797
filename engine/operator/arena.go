package operator

import "tidemark/base/memory"

// arena keeps pieces of bytes in blocks that never move: what has been put is not
// copied again when more comes, however much there is. It has no pointers for the
// garbage collector to follow but one a block.
type arena struct {
	blocks  [][]byte
	filling int  // number of the block that pieces go into
	held    int  // bytes of all pieces, those that nobody wants any more too
	outside bool // large blocks are not the collector's: they are given back with release
}

// span is where a piece is. An empty piece is nowhere: the zero span.
type span struct{ block, start, end uint32 }

func (s span) size() int { return int(s.end - s.start) }

const (
	// Blocks double from the first size to the last one.
	arenaBlockMin = 1 << 10
	arenaBlockMax = 1 << 20
)

// put stores a copy of piece.
func (a *arena) put(piece []byte) span {
	if len(piece) == 0 {
		return span{}
	}
	s := a.reserve(len(piece))
	copy(a.at(s), piece)
	return s
}

// reserve makes a piece of n bytes, more than 0, with anything in it.
func (a *arena) reserve(n int) span {
	for a.filling < len(a.blocks) && cap(a.blocks[a.filling])-len(a.blocks[a.filling]) < n {
		a.filling++
	}
	if a.filling == len(a.blocks) {
		size := arenaBlockMin
		if a.filling > 0 {
			size = min(2*cap(a.blocks[a.filling-1]), arenaBlockMax)
		}
		a.blocks = append(a.blocks, a.block(max(size, n)))
	}
	start := len(a.blocks[a.filling])
	a.blocks[a.filling] = a.blocks[a.filling][:start+n]
	a.held += n
	return span{uint32(a.filling), uint32(start), uint32(start + n)}
}

// block is an empty block of a size.
func (a *arena) block(size int) []byte {
	if a.outside {
		return memory.Take[byte](size)[:0]
	}
	return make([]byte, 0, size)
}

// release forgets all pieces, and gives back what is not the collector's. Nobody may
// have a piece any more.
func (a *arena) release() {
	if a.outside {
		for _, block := range a.blocks {
			memory.Return(block)
		}
	}
	*a = arena{outside: a.outside}
}

// at is the piece, in the arena's memory.
func (a *arena) at(s span) []byte {
	if s.end == 0 {
		return nil
	}
	return a.blocks[s.block][s.start:s.end:s.end]
}

// clear forgets all pieces and keeps the memory.
func (a *arena) clear() {
	for i := range a.blocks {
		a.blocks[i] = a.blocks[i][:0]
	}
	a.filling, a.held = 0, 0
}
