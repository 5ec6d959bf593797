-- Q12 in event time, which has one answer.

SELECT bidder, COUNT(*), window_start, window_end
FROM TABLE(
  TUMBLE(TABLE bids, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND))
GROUP BY bidder, window_start, window_end;
