-- Bids per bidder session (gap 10 s), session window function, streaming mode only.

SELECT bidder, COUNT(*), window_start, window_end
FROM TABLE(
  SESSION(TABLE bids PARTITION BY bidder, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND))
GROUP BY bidder, window_start, window_end;
