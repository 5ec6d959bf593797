-- Converted prices in a range, time of day, count of the letter c.
-- The published query counts the letter with a Java function. This is the same count in SQL.

SELECT
  auction,
  bidder,
  0.908 * price,
  CASE
    WHEN HOUR(`dateTime`) BETWEEN 8 AND 18 THEN 'dayTime'
    WHEN HOUR(`dateTime`) <= 6 OR HOUR(`dateTime`) >= 20 THEN 'nightTime'
    ELSE 'otherTime'
  END,
  `dateTime`,
  extra,
  CAST(COALESCE(CHAR_LENGTH(extra) - CHAR_LENGTH(REPLACE(extra, 'c', '')), 0) AS BIGINT)
FROM bids
WHERE 0.908 * price > 1000000
  AND 0.908 * price < 50000000;
