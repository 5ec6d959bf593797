-- The first three directories of the bid URLs.

SELECT
  auction,
  bidder,
  price,
  channel,
  SPLIT_INDEX(url, '/', 3),
  SPLIT_INDEX(url, '/', 4),
  SPLIT_INDEX(url, '/', 5)
FROM bids;
