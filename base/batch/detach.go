package batch

import "tidemark/base/value"

// textBytes is how many bytes the column's own texts have together. A text that
// several rows share counts for each of them.
func (c *Column) textBytes() int {
	total := 0
	for i, v := range c.Views {
		if !c.IsNull(i) {
			total += int(v.Length)
		}
	}
	return total
}

// Detach copies all texts into heaps of their columns' own, so that whatever
// the batch had views into can be used again. It is best done by whoever has
// just read the texts, while they are in its core's cache: the next one then
// finds them close together.
func (b *Batch) Detach() {
	for _, c := range b.Columns {
		c.detach()
	}
}

func (c *Column) detach() {
	if c.Type.Class() == value.Strings {
		heap := make([]byte, 0, c.textBytes())
		for i, v := range c.Views {
			if c.IsNull(i) {
				c.Views[i] = View{}
				continue
			}
			c.Views[i].Offset = uint32(len(heap))
			heap = append(heap, c.Heap[v.Offset:v.Offset+v.Length]...)
		}
		c.Heap = heap
	}
	for _, child := range c.Children {
		child.detach()
	}
}
