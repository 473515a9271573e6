"""What a run will take before it is made: calls, tokens, money and hours, from the call graph and a pilot."""
