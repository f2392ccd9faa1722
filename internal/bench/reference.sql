SELECT household_id FROM household WHERE household_id BETWEEN {{lo}} AND {{hi}}
