"""Worked examples for completion prompts, written for this project; they are in no data set."""

from __future__ import annotations

GSM8K_SHOTS = """
Question: A bindery makes 35 notebooks each morning and 20 each afternoon. How many does it make in 6 days?
Answer: In one day the bindery makes 35 + 20 = 55 notebooks.
In 6 days it makes 55 * 6 = 330 notebooks.
#### 330

Question: Mirela had 240 euros. She spent a quarter of it on a lamp and 48 euros on paint. What is left?
Answer: The lamp cost 240 / 4 = 60 euros.
Together with the paint she spent 60 + 48 = 108 euros.
She has 240 - 108 = 132 euros left.
#### 132

Question: A tank of 900 litres is 40% full. At 15 litres a minute, how many minutes does it take to fill it?
Answer: The tank already holds 900 * 0.40 = 360 litres.
It still needs 900 - 360 = 540 litres.
At 15 litres a minute that takes 540 / 15 = 36 minutes.
#### 36

Question: One choir has 7 singers fewer than twice another. Together they are 83. How big is the larger?
Answer: If the smaller choir has s singers, the larger has 2s - 7.
Together that is s + 2s - 7 = 3s - 7 = 83.
So 3s = 90, and s = 90 / 3 = 30.
The larger choir has 2 * 30 - 7 = 53 singers.
#### 53
"""
"""In the manner of GSM8K: division, percentages, an unknown; one computation a line."""

SVAMP_SHOTS = """
Question: A kiosk had 64 newspapers and 12 maps, and sold 27 newspapers. How many newspapers are left?
Answer: Of the newspapers 64 - 27 = 37 are left.
#### 37

Question: Each of 8 rowing boats carries 4 oars and 2 lanterns. How many oars are there?
Answer: The boats carry 8 * 4 = 32 oars.
#### 32

Question: Ines baked 96 rolls and 15 pies. She packs the rolls in 12 equal bags. How many rolls are in a bag?
Answer: Each bag holds 96 / 12 = 8 rolls.
#### 8

Question: Tomas read 18 pages on Friday, 25 on Saturday and 9 on Sunday. How many had he read by Saturday?
Answer: By Saturday he had read 18 + 25 = 43 pages.
#### 43
"""
"""In the manner of SVAMP: one computation, beside a number that does not matter."""

MATH_SHOTS = r"""
Problem: Find the sum of all real $x$ with $x^2 - 9x + 14 = 0$.
Solution: The quadratic factors as $(x - 2)(x - 7) = 0$.
Its roots are $2$ and $7$, so their sum is $2 + 7 = 9$.
The answer is $\boxed{9}$.

Problem: Two fair dice are thrown. What is the probability that the product of the two numbers is odd?
Solution: The product is odd exactly when both numbers are odd.
Each is odd with probability $\frac{3}{6} = \frac{1}{2}$, independently.
So the probability is $\frac{1}{2} \cdot \frac{1}{2} = \frac{1}{4}$.
The answer is $\boxed{\frac{1}{4}}$.

Problem: A right triangle has legs $5$ and $10$. What is the length of the altitude to its hypotenuse?
Solution: The hypotenuse is $\sqrt{5^2 + 10^2} = \sqrt{125} = 5\sqrt{5}$.
The area is $\frac{1}{2} \cdot 5 \cdot 10 = 25$, which is also $\frac{1}{2} \cdot 5\sqrt{5} \cdot h$.
So the altitude is $h = \frac{50}{5\sqrt{5}} = 2\sqrt{5}$.
The answer is $\boxed{2\sqrt{5}}$.

Problem: For which real $x$ is $|2x - 3| < 7$? Write the answer as an interval.
Solution: The inequality says $-7 < 2x - 3 < 7$.
Adding $3$ gives $-4 < 2x < 10$, and halving gives $-2 < x < 5$.
The answer is $\boxed{(-2, 5)}$.
"""
"""In the manner of MATH: algebra, probability, geometry, an interval; the answer in a box."""
