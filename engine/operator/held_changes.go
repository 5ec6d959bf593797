package operator

import "tidemark/engine"

// heldChanges are changes that wait for the next Save.
type heldChanges struct {
	bytes   []byte
	entries []heldChange
}

type heldChange struct {
	group              engine.KeyGroup
	deleted            bool
	start, keyEnd, end int
}

// Put notes a key and its value.
func (c *heldChanges) Put(group engine.KeyGroup, key, val []byte) { c.add(group, key, val, false) }

// Delete notes that a key is gone.
func (c *heldChanges) Delete(group engine.KeyGroup, key []byte) { c.add(group, key, nil, true) }

func (c *heldChanges) add(group engine.KeyGroup, key, val []byte, deleted bool) {
	start := len(c.bytes)
	c.bytes = append(append(c.bytes, key...), val...)
	c.entries = append(c.entries, heldChange{group, deleted, start, start + len(key), len(c.bytes)})
}

// moveTo passes all changes on, in their order.
func (c *heldChanges) moveTo(to engine.Changes) {
	for _, e := range c.entries {
		if e.deleted {
			to.Delete(e.group, c.bytes[e.start:e.keyEnd])
		} else {
			to.Put(e.group, c.bytes[e.start:e.keyEnd], c.bytes[e.keyEnd:e.end])
		}
	}
	*c = heldChanges{}
}
