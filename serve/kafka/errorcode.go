package kafka

import (
	"context"
	"errors"
	"math"

	"tidemark/base/problem"
	"tidemark/serve/kafka/coordinator"
	"tidemark/store/eventlog"
)

// The protocol's error codes, as far as they are used here.
const (
	unknownServerError      int16 = -1
	offsetOutOfRange        int16 = 1
	corruptMessage          int16 = 2
	unknownTopicOrPartition int16 = 3
	requestTimedOut         int16 = 7
	messageTooLarge         int16 = 10
	coordinatorNotAvailable int16 = 15
	illegalGeneration       int16 = 22
	inconsistentProtocol    int16 = 23
	invalidGroupID          int16 = 24
	unknownMemberID         int16 = 25
	invalidSessionTimeout   int16 = 26
	rebalanceInProgress     int16 = 27
	unsupportedMechanism    int16 = 33
	illegalLoginState       int16 = 34
	unsupportedVersion      int16 = 35
	topicAlreadyExists      int16 = 36
	invalidRequest          int16 = 42
	policyViolation         int16 = 44
	outOfOrderSequence      int16 = 45
	invalidProducerEpoch    int16 = 47
	invalidTransactionState int16 = 48
	invalidProducerMapping  int16 = 49
	invalidTransactionTime  int16 = 50
	concurrentTransactions  int16 = 51
	storageError            int16 = 56
	loginFailed             int16 = 58
	nonEmptyGroup           int16 = 68
	groupIDNotFound         int16 = 69
	topicDeletionDisabled   int16 = 73
	unstableOffsetCommit    int16 = 88
	memberIDRequired        int16 = 79
	groupMaxSizeReached     int16 = 81
	fencedInstanceID        int16 = 82
	invalidRecord           int16 = 87
	producerFenced          int16 = 90
	transactionalIDNotFound int16 = 105
	operationNotAttempted   int16 = 55
)

// errorCode is the protocol's code for an error of ours. Retryable ones have a
// code after which clients try again.
func errorCode(err error) int16 {
	var p *problem.Problem
	switch {
	case err == nil:
		return 0
	case errors.Is(err, eventlog.ErrFenced):
		return invalidProducerEpoch
	case errors.Is(err, eventlog.ErrOutOfSequence):
		return outOfOrderSequence
	case errors.Is(err, coordinator.ErrFenced):
		return producerFenced
	case errors.Is(err, coordinator.ErrUnknown):
		return invalidProducerMapping
	case errors.Is(err, coordinator.ErrConcurrent):
		return concurrentTransactions
	case errors.Is(err, coordinator.ErrState):
		return invalidTransactionState
	case errors.Is(err, coordinator.ErrTimeout):
		return invalidTransactionTime
	case errors.Is(err, coordinator.ErrTooMany):
		return policyViolation
	case errors.Is(err, eventlog.ErrClosed):
		return coordinatorNotAvailable
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return requestTimedOut
	case errors.As(err, &p):
		return problemCode(p)
	}
	return unknownServerError
}

func problemCode(p *problem.Problem) int16 {
	switch p.Code {
	case problem.NotFound, problem.UnknownTable:
		return unknownTopicOrPartition
	case problem.TooBusy, problem.Timeout, problem.Canceled:
		return requestTimedOut
	case problem.DiskFull:
		return storageError
	case problem.Corrupt:
		return corruptMessage
	case problem.TooLarge:
		return messageTooLarge
	case problem.Internal:
		return unknownServerError
	default:
		if p.Code.User() {
			return invalidRecord
		}
		return unknownServerError
	}
}

// clampInt32 is a number of milliseconds or records as the protocol can say it.
func clampInt32(n int64) int32 { return int32(min(max(n, math.MinInt32), math.MaxInt32)) }
