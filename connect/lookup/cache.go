package lookup

import (
	"container/list"
	"sync"
	"time"
)

// CacheOptions is how long a cache keeps what.
type CacheOptions struct {
	RowsMax     int           // rows, with one for each key that has none
	AfterWrite  time.Duration // after it was put in; 0 for ever
	AfterAccess time.Duration // after it was asked for last; 0 for ever
	Missing     bool          // keys that have no row are kept, too
}

// cache keeps the rows of keys that were asked for; the keys that nobody has
// asked for longest go first. It is used by several goroutines.
type cache struct {
	options CacheOptions
	now     func() time.Time
	mu      struct {
		sync.Mutex
		entries map[string]*list.Element // of *entry, by key form
		recent  *list.List               // most recently asked for first
		rows    int
	}
}

// entry is a key's rows, in key form. It does not change after it was put in but
// for the time of its last use, which the cache guards.
type entry struct {
	key           string
	rows          [][]byte
	written, used time.Time
}

// cost is how many rows an entry counts for.
func (e *entry) cost() int { return max(len(e.rows), 1) }

func newCache(options CacheOptions, now func() time.Time) *cache {
	c := &cache{options: options, now: now}
	c.mu.entries, c.mu.recent = map[string]*list.Element{}, list.New()
	return c
}

// get finds the rows of a key, if they are there and not too old.
func (c *cache) get(key []byte) (rows [][]byte, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.mu.entries[string(key)]
	if !ok {
		return nil, false
	}
	e, now := at.Value.(*entry), c.now()
	if isOver(e.written, c.options.AfterWrite, now) || isOver(e.used, c.options.AfterAccess, now) {
		c.drop(at)
		return nil, false
	}
	e.used = now
	c.mu.recent.MoveToFront(at)
	return e.rows, true
}

func isOver(since time.Time, limit time.Duration, now time.Time) bool {
	return limit > 0 && now.Sub(since) >= limit
}

// put keeps the rows of a key, in place of those before.
func (c *cache) put(key []byte, rows [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, known := c.mu.entries[string(key)]; known {
		c.drop(at)
	}
	now := c.now()
	e := &entry{key: string(key), rows: rows, written: now, used: now}
	if len(rows) == 0 && !c.options.Missing || e.cost() > c.options.RowsMax {
		return
	}
	c.mu.entries[e.key] = c.mu.recent.PushFront(e)
	c.mu.rows += e.cost()
	for c.mu.rows > c.options.RowsMax {
		c.drop(c.mu.recent.Back())
	}
}

// drop forgets an entry. The caller holds the lock.
func (c *cache) drop(at *list.Element) {
	e := c.mu.recent.Remove(at).(*entry)
	delete(c.mu.entries, e.key)
	c.mu.rows -= e.cost()
}
