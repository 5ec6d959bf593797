-- Category-10 auctions by sellers of three states.

SELECT pe.`name`, pe.city, pe.`state`, au.id
FROM auctions AS au
JOIN people AS pe ON pe.id = au.seller
WHERE au.category = 10
  AND pe.`state` IN ('OR', 'ID', 'CA');
