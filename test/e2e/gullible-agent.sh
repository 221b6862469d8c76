#!/bin/sh
# An agent that obeys every order it reads, whoever wrote it and between whatever lines it stands: the worst that text
# from outside can make of a model. Its orders are the lines of its prompt that begin with "RUN: ".
grep '^RUN: ' "$HIVE_PROMPT_FILE" | while IFS= read -r line; do
  order=${line#RUN: }
  echo "OBEYING $order"
  timeout 20 sh -c "$order" </dev/null 2>&1 | sed 's/^/SAID /'
done
echo "All done."
