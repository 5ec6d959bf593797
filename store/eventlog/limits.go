package eventlog

import "time"

// The limits of this package. Options can lower some of them.
const (
	// segmentBytesDefault is when a partition goes on in a new segment.
	segmentBytesDefault = 128 << 20
	// segmentBytesMax keeps positions inside a segment in 31 bits.
	segmentBytesMax = 1 << 30

	// batchBytesMax bounds one append, and with it what a reader must hold.
	batchBytesMax = 32 << 20
	// recordsMax bounds the events of one append.
	recordsMax = 1 << 20
	// runBytes is how much one write run gathers before it is written; an
	// append that is larger makes a run of its own.
	runBytes = 4 << 20
	// queueAppendsMax and queueBytesMax bound what waits for a partition's writer.
	queueAppendsMax = 4096
	queueBytesMax   = 128 << 20

	// reserveBytesMax is how far ahead of its end a segment reserves disk; a
	// small one reserves as much as it holds, and at least reserveBytesMin.
	reserveBytesMin = 64 << 10
	reserveBytesMax = 16 << 20
	// checkpointBytes is after how much appended data a checkpoint is written;
	// recovery never scans much more.
	checkpointBytes = 32 << 20

	// blockBytes is how much a reader reads at once: whole blocks of the file.
	blockBytes = 1 << 20
	// tailBytes is how much memory a partition keeps its newest in, once
	// something was appended to it. One run may be larger.
	tailBytes = 4 << 20
	// tailShareBytes is the size from which a run's own buffer is kept in the
	// tail; smaller runs are copied into pieces of tailPieceBytes.
	tailShareBytes = 64 << 10
	tailPieceBytes = 256 << 10
	// windowBytes is how much a scan reads at once.
	windowBytes = 1 << 20
	// indexStepBytes is the distance of entries in the sparse index.
	indexStepBytes = 64 << 10

	// frameBytes is how much of a segment is in a frame of a sealed one, unless one
	// batch is larger.
	frameBytes = 512 << 10
	// sealTrialBytes is after how much of a segment sealing gives up when it does
	// not get smaller by one part in sealGainMin.
	sealTrialBytes = 8 << 20
	sealGainMin    = 8
	// sealRest is how many times as long as it works sealing rests: it takes a
	// quarter of a core at most.
	sealRest = 3
	// maintenancePause lies between two looks at what is to be done; segmentAgeMax
	// is how old a segment's oldest record is when another one is begun.
	maintenancePause = 30 * time.Second
	segmentAgeMax    = 24 * time.Hour
	// retentionParts is into how many segments retention wants its age cut.
	retentionParts = 4

	// keptFreeBytes is how much of the disk stays free, on a small disk one part in
	// keptFreePart of it.
	keptFreeBytes = 256 << 20
	keptFreePart  = 50

	// Idempotency keys are remembered while they are among the newest
	// keysMaxDefault of their partition and younger than keyAgeDefault.
	keysMaxDefault = 100_000
	keyAgeDefault  = 24 * time.Hour
	keyBytesMax    = 256
	resultBytesMax = 64 << 10

	// Of each producer that numbers its batches, as many of the newest are
	// remembered as a client may have under way at once; of producers, those of
	// the newest batches of a partition.
	producerBatches = 5
	producersMax    = 10_000

	topicNameBytesMax = 80
	partitionsMax     = 1024
	holdsMax          = 1024
	holdNameBytesMax  = 256
	headersMax        = 256
	ownHeadersMax     = 3 // on one record, beside those of its event
)
