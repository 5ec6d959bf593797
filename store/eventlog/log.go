package eventlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"tidemark/base/problem"
	"tidemark/base/telemetry"
	"tidemark/base/vfs"
)

// ErrClosed is what everything returns after Close.
var ErrClosed = errors.New("the event log is closed")

const (
	lockName  = "LOCK"
	topicName = "topic" // the file that makes a folder a topic
	// FormatVersion is that of docs/formats/eventlog.md.
	FormatVersion = formatSealed

	// Topics of an older version become one of the version that they need
	// before they get what is new in it.
	formatFirst  = 1
	formatPacks  = 2 // packed batches
	formatMarks  = 3 // records without a value that are void or deletions
	formatSealed = 4 // sealed segments
)

// Options are what a log can be opened with; the zero value is usual.
type Options struct {
	SegmentBytes int64         // size at which a new segment is begun; default 128 MiB
	KeysMax      int           // idempotency keys remembered for each partition; default 100,000
	KeyAge       time.Duration // and for how long; default 24 hours
	Now          func() time.Time
	Telemetry    *telemetry.Registry
}

func (o Options) withDefaults() (Options, error) {
	if o.SegmentBytes == 0 {
		o.SegmentBytes = segmentBytesDefault
	}
	if o.KeysMax == 0 {
		o.KeysMax = keysMaxDefault
	}
	if o.KeyAge == 0 {
		o.KeyAge = keyAgeDefault
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Telemetry == nil {
		o.Telemetry = telemetry.New()
	}
	if o.SegmentBytes < vfs.BlockSize || o.SegmentBytes > segmentBytesMax {
		return o, problem.New(problem.InvalidOption, "segments of %d bytes: want %d to %d", o.SegmentBytes, vfs.BlockSize, segmentBytesMax)
	}
	if o.KeysMax < 0 || o.KeysMax > keysMaxDefault {
		return o, problem.New(problem.InvalidOption, "%d idempotency keys: want 1 to %d", o.KeysMax, keysMaxDefault)
	}
	return o, nil
}

// Log is all topics under one folder. One process has it open at a time.
type Log struct {
	fs          vfs.FS
	dir         string
	options     Options
	metrics     *metrics
	buffers     bufferPool
	unsealer    unsealer
	maintenance maintenance
	lock        io.Closer
	mu          struct {
		sync.Mutex
		topics map[string]*Topic
		// broken are topics whose own file is damaged, and how.
		broken map[string]error
		closed bool
	}
}

// topicFile is the content of a topic's file.
type topicFile struct {
	Format     int `json:"format"`
	Partitions int `json:"partitions"`
}

// Open opens or makes a log and recovers it: afterwards every append that was
// ever acknowledged can be read. A topic or partition that is damaged beyond
// reading does not keep others from opening; using it returns the error.
func Open(fsys vfs.FS, dir string, options Options) (*Log, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := vfs.MakeDir(fsys, dir); err != nil {
		return nil, fmt.Errorf("open event log: %w", err)
	}
	lock, err := fsys.Lock(filepath.Join(dir, lockName))
	if errors.Is(err, vfs.ErrLocked) {
		return nil, problem.New(problem.Conflict, "another process has the event log in %s open", dir).
			WithHint("stop it, or use another data folder")
	}
	if err != nil {
		return nil, fmt.Errorf("open event log: %w", err)
	}
	l := &Log{fs: fsys, dir: dir, options: options, metrics: newMetrics(options.Telemetry), lock: lock}
	l.mu.topics, l.mu.broken = map[string]*Topic{}, map[string]error{}
	if err := l.openTopics(); err != nil {
		return nil, errors.Join(fmt.Errorf("open event log: %w", err), l.Close())
	}
	l.startMaintenance()
	return l, nil
}

func (l *Log) openTopics() error {
	names, err := l.fs.List(l.dir)
	if err != nil {
		return err
	}
	for _, folder := range names {
		name, ok := unescapeName(folder)
		if folder == lockName || !ok {
			continue
		}
		dir := filepath.Join(l.dir, folder)
		content, err := vfs.ReadFile(l.fs, filepath.Join(dir, topicName))
		if isMissing(err) {
			// A crash came while the topic was made or dropped.
			if err := vfs.RemoveTree(l.fs, dir); err != nil {
				return err
			}
			continue
		}
		var file topicFile
		if err == nil {
			err = json.Unmarshal(content, &file)
		}
		if err == nil && file.Format > FormatVersion {
			l.mu.broken[name] = problem.New(problem.Unsupported, "topic %s was written by a newer version: it has format %d, and %d is the newest known here", name, file.Format, FormatVersion).
				WithHint("use the version that wrote it, or a later one")
			continue
		}
		if err == nil && (file.Format < formatFirst || file.Partitions < 1 || file.Partitions > partitionsMax) {
			err = fmt.Errorf("format %d with %d partitions", file.Format, file.Partitions)
		}
		if err != nil {
			l.mu.broken[name] = problem.New(problem.Corrupt, "topic %s cannot be opened: %v", name, err).
				WithHint("restore file %s from a backup", filepath.Join(dir, topicName))
			continue
		}
		l.mu.topics[name] = l.openTopic(name, dir, file)
	}
	return nil
}

func (l *Log) openTopic(name, dir string, file topicFile) *Topic {
	t := &Topic{log: l, name: name, dir: dir, keys: newKeyTable(file.Partitions, l.options.KeysMax, l.options.KeyAge)}
	t.file.format = file.Format
	for id := range file.Partitions {
		t.partitions = append(t.partitions, openPartition(l, name, Partition(id), partitionDir(dir, id), t.keys))
	}
	return t
}

func partitionDir(topicDir string, id int) string { return filepath.Join(topicDir, strconv.Itoa(id)) }

// CreateTopic makes a topic. It is durable when CreateTopic returns.
func (l *Log) CreateTopic(name string, partitions int) (*Topic, error) {
	if name == "" || len(name) > topicNameBytesMax {
		return nil, problem.New(problem.InvalidRequest, "the name of a topic has %d bytes; 1 to %d are allowed", len(name), topicNameBytesMax)
	}
	if partitions < 1 || partitions > partitionsMax {
		return nil, problem.New(problem.InvalidRequest, "topic %s with %d partitions: want 1 to %d", name, partitions, partitionsMax)
	}
	// Making files under the lock keeps two calls for one name apart; topics
	// are made rarely, and appending does not need the lock.
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.closed {
		return nil, ErrClosed
	}
	if l.mu.topics[name] != nil || l.mu.broken[name] != nil {
		return nil, problem.New(problem.AlreadyExists, "topic %s exists", name)
	}
	dir := filepath.Join(l.dir, escapeName(name))
	file := topicFile{Format: FormatVersion, Partitions: partitions}
	if err := l.makeTopic(dir, file); err != nil {
		if vfs.IsDiskFull(err) {
			return nil, problem.New(problem.DiskFull, "the disk is full: topic %s cannot be made", name).
				WithHint("free some space in %s", l.dir).Retryable()
		}
		return nil, fmt.Errorf("create topic %s: %w", name, err)
	}
	t := l.openTopic(name, dir, file)
	l.mu.topics[name] = t
	return t, nil
}

// makeTopic makes the folders first and the file that makes them a topic last.
func (l *Log) makeTopic(dir string, file topicFile) error {
	if err := vfs.MakeDir(l.fs, dir); err != nil {
		return err
	}
	for id := range file.Partitions {
		if err := l.fs.MkdirAll(partitionDir(dir, id)); err != nil {
			return err
		}
	}
	if err := l.fs.SyncDir(dir); err != nil {
		return err
	}
	return l.writeTopicFile(dir, file)
}

func (l *Log) writeTopicFile(dir string, file topicFile) error {
	content, err := json.Marshal(file)
	if err != nil {
		return err
	}
	return vfs.WriteFile(l.fs, filepath.Join(dir, topicName), append(content, '\n'))
}

// allow makes the topic one of at least a version, before it gets what older
// programs do not know: they then refuse it, and would otherwise take it for
// damage or for something else.
func (t *Topic) allow(format int) error {
	t.file.Lock()
	defer t.file.Unlock()
	if t.file.format >= format {
		return nil
	}
	if err := t.log.writeTopicFile(t.dir, topicFile{Format: format, Partitions: len(t.partitions)}); err != nil {
		return t.log.writeError(t.name, fmt.Errorf("make %s a topic of version %d: %w", t.name, format, err))
	}
	t.file.format = format
	return nil
}

// DropTopic removes a topic with all its records. Its readers and waiting
// appends end with ErrClosed.
func (l *Log) DropTopic(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, broken := l.mu.topics[name], l.mu.broken[name]
	if t == nil && broken == nil {
		return l.unknownTopic(name)
	}
	dir := filepath.Join(l.dir, escapeName(name))
	if t != nil {
		t.endSealing() // which may write the topic's file
	}
	// Without its file the folder is no topic any more; what a crash leaves of
	// it is removed at the next start.
	if err := l.fs.Remove(filepath.Join(dir, topicName)); ignoreMissing(err) != nil {
		return fmt.Errorf("drop topic %s: %w", name, err)
	}
	if err := l.fs.SyncDir(dir); err != nil {
		return fmt.Errorf("drop topic %s: %w", name, err)
	}
	delete(l.mu.topics, name)
	delete(l.mu.broken, name)
	if t != nil {
		t.close()
	}
	if err := vfs.RemoveTree(l.fs, dir); err != nil {
		return fmt.Errorf("drop topic %s: %w", name, err)
	}
	return nil
}

// Topic finds a topic by its name.
func (l *Log) Topic(name string) (*Topic, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.mu.topics[name]; t != nil {
		return t, nil
	}
	if err := l.mu.broken[name]; err != nil {
		return nil, err
	}
	return nil, l.unknownTopic(name)
}

func (l *Log) unknownTopic(name string) error {
	p := problem.New(problem.NotFound, "there is no topic %s", name)
	var names []string
	for known := range l.mu.topics {
		names = append(names, known)
	}
	if nearest := problem.Nearest(name, names); nearest != "" {
		return p.WithHint("did you mean %s?", nearest)
	}
	return p
}

// Topics are all topics that work, by name.
func (l *Log) Topics() []*Topic {
	l.mu.Lock()
	defer l.mu.Unlock()
	topics := make([]*Topic, 0, len(l.mu.topics))
	for _, t := range l.mu.topics {
		topics = append(topics, t)
	}
	sort.Slice(topics, func(i, j int) bool { return topics[i].name < topics[j].name })
	return topics
}

// Close writes what is waiting, ends all readers, and gives the folder free.
func (l *Log) Close() error {
	l.endMaintenance()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.closed {
		return nil
	}
	l.mu.closed = true
	for _, t := range l.mu.topics {
		t.close()
	}
	return l.lock.Close()
}

func (t *Topic) close() {
	for _, p := range t.partitions {
		p.close()
	}
}

// plainBytes are those that stand for themselves in folder names. Capital
// letters are not among them: some file systems take Ads and ads for one name.
const plainBytes = "abcdefghijklmnopqrstuvwxyz0123456789_-$"

// escapeName makes a folder name of any topic name: other bytes become %41.
func escapeName(name string) string {
	var b strings.Builder
	for i := range len(name) {
		if strings.IndexByte(plainBytes, name[i]) >= 0 {
			b.WriteByte(name[i])
		} else {
			fmt.Fprintf(&b, "%%%02x", name[i])
		}
	}
	return b.String()
}

// unescapeName reads a folder name back; ok is false for one that is not ours.
func unescapeName(folder string) (name string, ok bool) {
	var b []byte
	for i := 0; i < len(folder); i++ {
		if folder[i] != '%' {
			b = append(b, folder[i])
			continue
		}
		if i+3 > len(folder) {
			return "", false
		}
		c, err := strconv.ParseUint(folder[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		b = append(b, byte(c))
		i += 2
	}
	return string(b), escapeName(string(b)) == folder && len(b) > 0
}
