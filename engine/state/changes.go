package state

import (
	"github.com/cockroachdb/pebble/v2"

	"tidemark/engine"
)

// Changes are what one operator has written in one epoch. It implements
// engine.Changes.
type Changes struct {
	operator Operator
	entries  []entry
	bytes    []byte
}

// entry is a key and, unless it was deleted, its value, both in Changes.bytes.
type entry struct {
	start, keyEnd, end int
	deleted            bool
}

// NewChanges makes an empty list.
func NewChanges(operator Operator) *Changes { return &Changes{operator: operator} }

// Put notes a key and its value.
func (c *Changes) Put(group engine.KeyGroup, key, val []byte) { c.add(group, key, val, false) }

// Delete notes that a key is gone.
func (c *Changes) Delete(group engine.KeyGroup, key []byte) { c.add(group, key, nil, true) }

func (c *Changes) add(group engine.KeyGroup, key, val []byte, deleted bool) {
	e := entry{start: len(c.bytes), deleted: deleted}
	c.bytes = stateKey(c.bytes, c.operator, group, key)
	e.keyEnd = len(c.bytes)
	c.bytes = append(c.bytes, val...)
	e.end = len(c.bytes)
	c.entries = append(c.entries, e)
}

// Len is the number of changes.
func (c *Changes) Len() int { return len(c.entries) }

func (c *Changes) writeTo(b *pebble.Batch) error {
	for _, e := range c.entries {
		var err error
		if e.deleted {
			err = b.Delete(c.bytes[e.start:e.keyEnd], nil)
		} else {
			err = b.Set(c.bytes[e.start:e.keyEnd], c.bytes[e.keyEnd:e.end], nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
